import assert from 'node:assert/strict';
import type { Ended, startServer } from './process.ts';

export const password = 'Password123';

/** The role that a login says, over the wire. */
export async function roleOf(url: string, email: string): Promise<string> {
  const body = JSON.stringify({ email, password });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v1/auth/login`, { method: 'POST', headers, body });
  return /"role":"(\w+)"/.exec(await answer.text())?.[1] ?? `refused with ${answer.status}`;
}

/** One sentence for the person, and no trace of the program's inside. */
export function assertSentence({ code, err }: Ended, pattern: RegExp): void {
  assert.equal(code, 1);
  assert.match(err, pattern);
  assert.doesNotMatch(err, /\n\s+at |node:internal|\.ts:\d/);
}

export async function stop(server: Awaited<ReturnType<typeof startServer>>): Promise<void> {
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).code, 0);
  assert.match(server.out(), /\n {2}Finishing what is under way…\n {2}Ended\.\n$/);
}
