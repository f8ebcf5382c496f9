import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { listOf } from './lists.ts';

/**
 * The address of who asks, for requests that never reach the router: upgrades and Socket.IO's own. `trustProxy`: CIDR
 * list of proxies whose X-Forwarded-For is believed. As there, the last address that is no such proxy counts.
 */
export function clientAddresses(trustProxy: string | undefined): (request: IncomingMessage) => string {
  const proxies = new BlockList();
  for (const network of listOf(trustProxy)) addTo(proxies, network);
  const isProxy = (address: string): boolean =>
    isIP(address) !== 0 && proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return ({ socket, headers }) => {
    const own = socket.remoteAddress ?? '';
    const told = listOf(String(headers['x-forwarded-for'] ?? ''));
    const way = [...told, own];
    return way.findLast((address) => !isProxy(address)) ?? way[0] ?? own;
  };
}

function addTo(proxies: BlockList, network: string): void {
  const [address = '', bits] = network.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) proxies.addAddress(address, family);
  else proxies.addSubnet(address, Number(bits), family);
}
