// Two people write to each other over stock socket.io-clients. Then one loses the connection, misses three messages, comes
// back and gets them: in order, once, with no code here that asks for them.
//
//   npx node examples/chat/chat.ts [address of a running server; by default this machine, port SOCIAL_PORT or 3000]
import { randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';

type Account = { id: string; accessToken: string };
type Person = { name: string; id: string; socket: Socket; heard: string[] };

const url = process.argv[2] ?? `http://127.0.0.1:${process.env['SOCIAL_PORT'] ?? 3000}`;

const { ada: first, grace: second } = await demoPair();
const ada = await connect('Ada', first);
const grace = await connect('Grace', second);

await send(ada, grace, 'Are you there?');
await send(grace, ada, 'I am. My train leaves in a minute, though.');
await heard(grace, 1);

console.log('-- Grace goes through a tunnel --');
// What a lost network does: the transport ends, and nobody says goodbye. By itself the client would soon be back.
grace.socket.io.reconnection(false);
grace.socket.io.engine.close();

for (const line of ['Bring the notes.', 'And the moth.', 'See you at nine!']) await send(ada, grace, line);

grace.socket.io.reconnection(true);
grace.socket.connect();
await next(grace.socket, 'connected');
console.log(`-- Grace is back, recovered: ${grace.socket.recovered} --`);
await heard(grace, 4);

ada.socket.disconnect();
grace.socket.disconnect();

/** Two accounts without a password, which a server in the development profile hands out to programs on its own machine. */
async function demoPair(): Promise<Record<'ada' | 'grace', Account>> {
  const response = await fetch(`${url}/demo/pair`, { method: 'POST' }).catch(() => undefined);
  if (response === undefined) giveUp(`No server at ${url}; start it with npm start.`);
  if (!response.ok) giveUp(`${url} has no demo people: it must run here, in the development profile.`);
  const { data } = (await response.json()) as { data: Record<'ada' | 'grace', Account> };
  return data;
}

function giveUp(reason: string): never {
  console.error(reason);
  process.exit(1);
}

async function connect(name: string, { id, accessToken }: Account): Promise<Person> {
  const socket = io(url, { auth: { token: accessToken, since: 'now' }, forceNew: true });
  const person: Person = { name, id, socket, heard: [] };
  socket.on('message:received', (message: { content: string }) => {
    person.heard.push(message.content);
    console.log(`${name} hears: ${message.content}`);
  });
  await next(socket, 'connected');
  return person;
}

/**
 * Fulfilled when the message is on the server's disk. The key makes it safe to say the same thing again. A UUIDv7 costs
 * a busy server less to index; any key of 8 to 128 printable characters is as safe.
 */
async function send(from: Person, to: Person, content: string): Promise<void> {
  const draft = { content, receiverId: to.id, clientId: randomUUID() };
  const answer = await from.socket.timeout(5_000).emitWithAck('message:send', draft);
  if (!answer.success) throw new Error(`${answer.code}: ${answer.message}`);
  console.log(`${from.name} says: ${content}`);
}

/** Waits until so many messages have been heard in all. */
async function heard(person: Person, count: number): Promise<void> {
  while (person.heard.length < count) await next(person.socket, 'message:received');
}

function next(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', ({ message }: { message: string }) => reject(new Error(message)));
  });
}
