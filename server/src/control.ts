import { chmodSync, lstatSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Static, Type } from 'typebox';
import { type Answer, type Command, checkCommand } from './administration.ts';
import type { DataFolder } from './data-folder.ts';
import { Refusal } from './kernel/errors.ts';
import { compileCheck } from './kernel/schema.ts';

/** The longest path of a Unix socket that every system takes, in bytes. */
const longestPath = 100;
/** How long one command may take on either side, in milliseconds. */
const patience = 30_000;
/** How long commands under way may hold up the end of the server, in milliseconds. */
const closeWithin = 1_000;

const socketName = 'control.sock';

const Reply = Type.Union([
  Type.Object({ done: Type.Object({ result: Type.String(), remark: Type.String() }) }),
  Type.Object({ refused: Type.String() }),
]);
type Reply = Static<typeof Reply>;
const checkReply = compileCheck(Reply);

/** The running server refused a command, in its own words. */
export class CommandRefused extends Error {
  override name = 'CommandRefused';
}

/** `close` takes no more commands and waits for the answers of those that have arrived. */
export type Control = { close(): Promise<void> };

/**
 * Listens in the data folder for commands of its owner: one command a connection, as JSON, and one answer. Who may
 * reach the socket may do everything, so it is for the owner's user only (0600). What a killed server left is replaced:
 * the folder's lock is ours, so nobody listens there.
 */
export async function openControl(
  folder: DataFolder,
  perform: (command: Command) => Promise<Answer>,
): Promise<Control> {
  const { path, clear } = placeSocket(folder.file(socketName));
  /** Connections, and whether their command has arrived. */
  const open = new Map<Socket, boolean>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.set(socket, false);
    socket.once('close', () => open.delete(socket));
    socket.once('end', () => open.set(socket, true));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(patience, () => socket.destroy());
    void answer(socket, perform).then((reply) => socket.end(JSON.stringify(reply)));
  });
  // The file is made inside `listen`, before it returns; the mask closes the moment between making it and chmod.
  const mask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  await new Promise<void>((done, fail) => server.once('listening', done).once('error', fail));
  chmodSync(path, 0o600);
  return {
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const [socket, asked] of open) if (!asked) socket.destroy();
      setTimeout(() => {
        for (const socket of open.keys()) socket.destroy();
      }, closeWithin).unref();
      await closed;
      clear();
    },
  };
}

async function answer(socket: Socket, perform: (command: Command) => Promise<Answer>): Promise<Reply> {
  try {
    return { done: await perform(checkCommand(JSON.parse(await text(socket)))) };
  } catch (error) {
    // The other end is the owner of the folder, who may know what went wrong inside.
    return { refused: error instanceof Refusal ? error.message : `The server could not do it: ${String(error)}` };
  }
}

/** Asks the server that holds the folder; `undefined` when nobody listens. Throws `CommandRefused`. */
export async function askServer(folderPath: string, command: Command): Promise<Answer | undefined> {
  const path = findSocket(join(folderPath, socketName));
  if (path === undefined) return undefined;
  const socket = await connect(path);
  if (socket === undefined) return undefined;
  socket.setTimeout(patience, () => socket.destroy(new Error('no answer')));
  socket.end(JSON.stringify(command));
  const reply = await readReply(socket);
  if ('refused' in reply) throw new CommandRefused(reply.refused);
  return reply.done;
}

async function readReply(socket: Socket): Promise<Reply> {
  try {
    return checkReply(JSON.parse(await text(socket)));
  } catch {
    throw new CommandRefused('The server ended before it answered. See whether it was done before you try again.');
  }
}

function connect(path: string): Promise<Socket | undefined> {
  return new Promise((done, fail) => {
    const socket = createConnection({ path, allowHalfOpen: true }, () => done(socket));
    socket.once('error', (error) => {
      if ('code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')) done(undefined);
      else fail(error);
    });
  });
}

/** A path too long for a socket leads, by a link, to a short one in a folder of its own that only this user may enter. */
function placeSocket(path: string): { path: string; clear: () => void } {
  rmSync(path, { force: true });
  const direct = shortest(path);
  if (fits(direct)) return { path: direct, clear: () => rmSync(path, { force: true }) };
  const short = join(mkdtempSync(join(tmpdir(), 'rendezvous-')), socketName);
  symlinkSync(short, path);
  const clear = (): void => {
    rmSync(path, { force: true });
    rmSync(dirname(short), { recursive: true, force: true });
  };
  return { path: short, clear };
}

function findSocket(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const reachable = found.isSymbolicLink() ? readlinkSync(path) : shortest(path);
  if (fits(reachable)) return reachable;
  throw new CommandRefused(
    `The path ${path} is too long for a socket. Run the command in that folder, with DATA_DIR=. in front of it.`,
  );
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= longestPath;

function shortest(path: string): string {
  const whole = resolve(path);
  const near = relative(process.cwd(), whole);
  return near.length < whole.length ? near : whole;
}
