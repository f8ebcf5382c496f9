import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { StartRefused } from './secrets.ts';

export type Terminal = Readonly<{ input: NodeJS.ReadableStream & { isTTY?: boolean }; output: NodeJS.WritableStream }>;

/**
 * A new password: asked for twice on a terminal, without showing it, or read from stdin up to its end. It is never an
 * argument, which every user of the machine could read.
 */
export async function askPassword({ input, output }: Terminal, fromStdin: boolean): Promise<string> {
  if (fromStdin || input.isTTY !== true) {
    const given = (await text(input)).replace(/\r?\n$/, '');
    if (given === '') throw new StartRefused('No password came on stdin, e.g. from: rendezvous … < password.txt');
    return given;
  }
  const password = await askHidden('Password: ', { input, output });
  if (password !== (await askHidden('Again: ', { input, output }))) {
    throw new StartRefused('The two passwords differ; nothing was done.');
  }
  return password;
}

async function askHidden(question: string, { input, output }: Terminal): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: silent, terminal: true });
  const stopped = new AbortController();
  lines.once('SIGINT', () => stopped.abort());
  lines.once('close', () => stopped.abort());
  output.write(question);
  try {
    return await lines.question('', { signal: stopped.signal });
  } catch {
    throw new StartRefused('No password was given; nothing was done.');
  } finally {
    output.write('\n');
    lines.close();
  }
}
