import type { TestContext } from 'node:test';
import { io } from 'socket.io-client';
import { meetingSocket } from '../support/meeting-socket.ts';
import type { Ask, Row } from './table.ts';
import { type Actor, actors, type World } from './world.ts';

/** The documented codes of the doors, as the statuses that they have over REST. */
const statuses: Readonly<Record<string, number>> = {
  VALIDATION_ERROR: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  RATE_LIMIT_EXCEEDED: 429,
  INSUFFICIENT_PERMISSION: 403,
  MEETING_NOT_FOUND: 404,
  MEETING_NOT_ACTIVE: 400,
  PARTICIPANT_NOT_FOUND: 404,
  SERVICE_UNAVAILABLE: 503,
  INTERNAL_ERROR: 500,
};

const isRoute = (name: string): boolean => /^[A-Z]+ \//.test(name);
/** A message on the socket of a meeting, whose id is the parameter `id`. */
const isMessage = (name: string): boolean => name.startsWith('ws:');

/** Asks for a row as each actor, and returns the answers in the form of the table. */
export async function answersTo(t: Pick<TestContext, 'after'>, world: World, row: Row): Promise<string> {
  const answers: string[] = [];
  for (const actor of actors) {
    const ask = await row.ask(world, actor);
    const token = ask.as?.token ?? (actor === 'nobody' ? undefined : world.people[actor].token);
    const status = isRoute(row.name)
      ? await overRest(world, row.name, { ...ask, token })
      : await (isMessage(row.name) ? overMeeting : overSocket)(t, world, row.name, { ...ask, token });
    const done = status >= 200 && status < 300;
    if (done) world.spend();
    answers.push(done ? 'yes' : String(status));
  }
  return answers.join(' ');
}

type Asked = Ask & { token: string | undefined };

async function overRest({ url }: World, name: string, { params = {}, query, body, token }: Asked): Promise<number> {
  const [method = '', path = ''] = name.split(' ');
  const place = path.replaceAll(/:(\w+)/g, (_, field: string) => encodeURIComponent(params[field] ?? ''));
  const headers: Record<string, string> = {};
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const given = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${url}${query === undefined ? place : `${place}?${query}`}`, {
    method,
    headers,
    ...given,
  });
  await response.arrayBuffer();
  return response.status;
}

/** Without a token there is no connection to ask on: the answer is the `error` that ends it. */
async function overSocket(
  t: Pick<TestContext, 'after'>,
  { url }: World,
  event: string,
  { body, token }: Asked,
): Promise<number> {
  const socket = io(url, { auth: token === undefined ? {} : { token }, transports: ['websocket'], forceNew: true });
  t.after(() => void socket.disconnect());
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connected', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  try {
    if (!connected) return 401;
    const reply: { success: boolean; code?: string } = await socket.timeout(8_000).emitWithAck(event, body ?? {});
    return reply.success ? 200 : (statuses[reply.code ?? ''] ?? 500);
  } finally {
    socket.disconnect();
  }
}

/** Who may not be there is refused before the upgrade; what is not refused is done when the ping behind it is answered. */
async function overMeeting(
  t: Pick<TestContext, 'after'>,
  world: World,
  name: string,
  { params = {}, body, token }: Asked,
): Promise<number> {
  const client = meetingSocket(t, world, params['id'] ?? '', token === undefined ? {} : { token });
  try {
    const refused = await new Promise<number | undefined>((resolve) => {
      client.socket.once('open', () => resolve(undefined));
      client.socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 500));
    });
    if (refused !== undefined) return refused;
    await client.until('connected');
    client.say(name.slice('ws:'.length), body ?? {});
    await client.settled();
    const [error] = client.frames('error');
    return error === undefined ? 200 : (statuses[String(error.data['code'])] ?? 500);
  } finally {
    client.socket.terminate();
  }
}

/** A row as a line for people. */
export const lineOf = ({ name, on }: Row, answers: string): string =>
  `${`${name}${on === '' ? '' : ` (${on})`}`.padEnd(64)}${answers
    .split(' ')
    .map((answer, index) => answer.padEnd(headings[index]?.length ?? 0))
    .join(' ')}`.trimEnd();

const headings: readonly string[] = actors.map((actor: Actor) => actor.padEnd(4));

export const heading = `${''.padEnd(64)}${headings.join(' ')}`;
