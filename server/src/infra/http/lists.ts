import { isIP } from 'node:net';

/** The entries of a setting that is a list, separated by commas. */
export const listOf = (text: string | undefined): string[] =>
  (text ?? '').split(',').flatMap((part) => part.trim() || []);

/** The origins of CORS_ORIGINS: any as long as it is not set, and none when it names none. */
export const originsOf = (text: string | undefined): string[] | '*' => (text === undefined ? '*' : listOf(text));

/** Whether it is an address or a network in CIDR. `true` or a number of hops would believe whoever connects. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const width = isIP(address) === 6 ? 128 : 32;
  return isIP(address) !== 0 && more === undefined && (bits === undefined || isBits(bits, width));
}

const isBits = (text: string, width: number): boolean => /^\d{1,3}$/.test(text) && Number(text) <= width;

/** Whether a browser could send it as `Origin`: scheme, host and port, without a path, as in `https://app.example`. */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host, origin } = new URL(text);
  // Apps in a web view have schemes of their own, whose origin the URL class does not tell.
  return text === (/^https?:$/.test(protocol) ? origin : `${protocol}//${host}`) && host !== '';
}
