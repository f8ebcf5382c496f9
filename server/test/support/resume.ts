import assert from 'node:assert/strict';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import type { Stock } from './clients.ts';
import type { TestServer } from './server.ts';

export async function two(server: TestServer): Promise<[SignedIn, SignedIn]> {
  const [ada, bob] = await server.people(2);
  assert.ok(ada !== undefined && bob !== undefined);
  return [ada, bob];
}

export const to = ({ principal }: SignedIn) => ({ receiverId: principal.id });

export async function sendMany(server: TestServer, from: SignedIn, target: SignedIn, contents: readonly string[]) {
  for (const content of contents) await server.send(from, to(target), content);
}

export const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `message ${from + index}`);

/** What a stock client says of itself when it comes back. */
export function memoryOf({ socket }: Stock): { pid: string; offset: string } {
  const { _pid: pid, _lastOffset: offset } = socket as unknown as { _pid: string; _lastOffset: string };
  return { pid, offset };
}
