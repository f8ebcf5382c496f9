import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { Ear } from './clients.ts';

/** `{type, meeting_id, user_id, data, timestamp, offset?}`. */
export type Frame = Readonly<{
  type: string;
  meeting_id: string;
  user_id: string | null;
  data: Record<string, unknown>;
  timestamp: string;
  offset?: string;
}>;

export type MeetingSocket = {
  socket: WebSocket;
  /** Frames under their types. */
  ear: Ear;
  /** The code and the reason of the close, once it is closed. */
  closed: Promise<{ code: number; reason: string }>;
  say(type: string, data?: unknown, more?: Record<string, unknown>): void;
  /** The first frame of this type, or the first that passes. */
  until(wanted: string | ((frame: Frame) => boolean)): Promise<Frame>;
  /** Frames so far, of these types or all. */
  frames(...types: string[]): Frame[];
  /** Everything said before this is done, and whatever it made for this connection has come. */
  settled(): Promise<void>;
  /** The offset of the last frame that had one. */
  readonly offset: string;
};

type Options = Readonly<{
  who?: SignedIn | undefined;
  /** In place of the account's own. */
  token?: string;
  in?: 'header' | 'token' | 'access_token' | 'subprotocol';
  since?: string;
  headers?: Record<string, string>;
}>;

/** A real client of `/ws/meetings/{id}`, which may be refused. */
export function meetingSocket(
  t: Pick<TestContext, 'after'>,
  { url }: { url: string },
  id: string,
  { who, token = who?.accessToken, in: place = 'header', since, headers: more = {} }: Options,
): MeetingSocket {
  const address = new URL(`/ws/meetings/${id}`, url.replace('http', 'ws'));
  if (since !== undefined) address.searchParams.set('since', since);
  const headers = { ...more };
  const protocols: string[] = [];
  if (token !== undefined) {
    if (place === 'header') headers['authorization'] = `Bearer ${token}`;
    else if (place === 'subprotocol') protocols.push('bearer', token);
    else address.searchParams.set(place, token);
  }
  const socket = new WebSocket(address, protocols, { headers });
  const ear = new Ear();
  socket.on('message', (text: Buffer) => {
    const frame = JSON.parse(text.toString()) as Frame;
    ear.hear(frame.type, [frame]);
  });
  socket.on('error', () => {});
  t.after(() => socket.terminate());
  const closed: MeetingSocket['closed'] = new Promise((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  );
  const frames: MeetingSocket['frames'] = (...types) =>
    (types.length === 0 ? ear.all : ear.of(...types)).map(({ data }) => data as Frame);
  const say: MeetingSocket['say'] = (type, data = {}, given = {}) =>
    socket.send(JSON.stringify({ type, meeting_id: id, data, timestamp: '2024-01-15T10:05:00Z', ...given }));
  return {
    socket,
    ear,
    closed,
    say,
    frames,
    async until(wanted) {
      const passes = typeof wanted === 'string' ? wanted : ({ data }: { data: unknown }) => wanted(data as Frame);
      return (await ear.until(passes)).data as Frame;
    },
    async settled() {
      const before = ear.of('pong').length;
      say('ping');
      await ear.until(() => ear.of('pong').length > before);
    },
    get offset() {
      return frames().findLast(({ offset }) => offset !== undefined)?.offset ?? '';
    },
  };
}

/** One that is connected. */
export async function connectedTo(
  t: Pick<TestContext, 'after'>,
  server: { url: string },
  id: string,
  options: Options,
): Promise<MeetingSocket> {
  const client = meetingSocket(t, server, id, options);
  await client.until('connected');
  return client;
}

/** How the handshake of one that must not come in is answered. */
export async function refusalOf({ socket }: MeetingSocket): Promise<{ status: number; body: Record<string, unknown> }> {
  const [, response] = await once(socket, 'unexpected-response');
  const chunks: Buffer[] = await response.toArray();
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode, body: text === '' ? {} : JSON.parse(text) };
}
