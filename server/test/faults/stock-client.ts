import type { Socket } from 'socket.io-client';
import { io } from 'socket.io-client';

import type { Reader } from './findings.ts';
import type { Oracle } from './oracle.ts';
import { readMessage, seqOf } from './wire.ts';

export type StockClient = Readonly<{
  socket: Socket;
  reader: Reader;
  /** How often it lost its connection. */
  disconnections(): number;
  close(): void;
}>;

type Plan = Readonly<{ url: string; token: string; reader: Reader; oracle: Oracle; polling?: boolean }>;

/**
 * A stock socket.io-client that tells the oracle what it sees. It is ready only after `connected`: from then on it holds
 * an offset, and every reconnection has to be recovered.
 */
export async function openStockClient({ url, token, reader, oracle, polling = false }: Plan): Promise<StockClient> {
  const socket = io(url, {
    auth: { token },
    transports: polling ? ['polling', 'websocket'] : ['websocket'],
    reconnectionDelay: 50,
    reconnectionDelayMax: 400,
    timeout: 10_000,
    forceNew: true,
  });
  let lost = 0;
  socket.on('connect', () => oracle.connect(reader, socket.recovered));
  socket.on('disconnect', () => lost++);
  const see = (message: unknown, offset: unknown): void => oracle.show(reader, readMessage(message), seqOf(offset));
  socket.on('message:received', see);
  socket.on('message:sent', see);
  await ready(socket, url);
  return { socket, reader, disconnections: () => lost, close: () => void socket.disconnect() };
}

function ready(socket: Socket, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "connected" from ${url} within 20 s`)), 20_000);
    socket.once('connected', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.on('error', (error: unknown) => {
      clearTimeout(timer);
      reject(new Error(`the server said ${JSON.stringify(error)}`));
    });
  });
}
