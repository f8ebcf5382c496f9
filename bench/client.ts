/**
 * A Socket.IO client reduced to what a load needs. A stock client costs several times the CPU of the server it talks
 * to; this one speaks the same frames over a plain WebSocket: Engine.IO `0` open, `2`/`3` ping and pong, `4` message;
 * inside it Socket.IO `0` connect, `2` event and `3` its answer (https://github.com/socketio/socket.io-protocol).
 */
import { WebSocket } from 'ws';

/** One connection. */
export interface Client {
  readonly userId: string;
  /** Called with each event and answer as it came, for example `42["message:sent",{…}]`; replaced by the load that runs. */
  onFrame: (frame: string) => void;
  /** Writes one frame, for example `42["message:send",{…}]`. */
  send(frame: string): void;
  /** Closes it; resolves when it is closed. */
  close(): Promise<void>;
}

/** Who connects. */
export interface Person {
  id: string;
  token: string;
  /** Groups named in the token, for a bare server. */
  groups?: string[];
}

const CONNECT_PATIENCE_MS = 30_000;
const ignoreFrame = () => {};

/** Connects one person; resolves at the `connected` event. Rejects when refused or after 30 s. */
function connectClient(url: string, person: Person, onFrame: Client['onFrame']): Promise<Client> {
  const address = `${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(address, { perMessageDeflate: false, skipUTF8Validation: true });
  let closing = false;
  const client: Client = {
    userId: person.id,
    onFrame,
    send: (frame) => socket.send(frame),
    close: () => {
      closing = true;
      return close(socket);
    },
  };
  return new Promise((resolve, reject) => {
    let ready = false;
    const patience = setTimeout(() => refuse(`no "connected" within ${CONNECT_PATIENCE_MS} ms`), CONNECT_PATIENCE_MS);
    const refuse = (why: string) => {
      clearTimeout(patience);
      socket.terminate();
      if (ready && !closing) throw new Error(`a client's connection to ${url} ended in the middle: ${why}`);
      reject(new Error(`${url} refused a client: ${why}`));
    };
    socket.on('error', (error) => refuse(error.message));
    socket.on('close', (code) => refuse(`closed with ${code}`));
    socket.on('message', (data: Buffer) => {
      const frame = data.toString('utf8');
      if (frame.startsWith('42') || frame.startsWith('43')) {
        if (ready) return client.onFrame(frame);
        if (!frame.startsWith('42["connected"')) return refuse(frame);
        ready = true;
        clearTimeout(patience);
        resolve(client);
      } else if (frame === '2') socket.send('3');
      else if (frame.startsWith('0')) socket.send(`40${JSON.stringify({ token: person.token })}`);
      else if (!frame.startsWith('40')) refuse(frame);
    });
  });
}

function close(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === WebSocket.CLOSED) return resolve();
    socket.once('close', () => resolve());
    socket.terminate();
  });
}

interface ConnectOptions {
  /** How many connect at a time. */
  width?: number;
  /** For each client, from its first frame after `connected` on. */
  onFrame?: Client['onFrame'];
}

/** Connects many, in the order given. */
export async function connectClients(
  url: string,
  people: Person[],
  { width = 50, onFrame = ignoreFrame }: ConnectOptions = {},
): Promise<Client[]> {
  const clients: Client[] = [];
  for (let from = 0; from < people.length; from += width) {
    const batch = people.slice(from, from + width).map((person) => connectClient(url, person, onFrame));
    clients.push(...(await Promise.all(batch)));
  }
  return clients;
}
