import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { startServer, type TestServer } from './server.ts';
import type { Reply } from './social.ts';

export type Data = Record<string, unknown>;

/** A server with four people, and how each asks the meetings door. */
export type MeetingsServer = {
  server: TestServer;
  ada: SignedIn;
  bob: SignedIn;
  carol: SignedIn;
  dan: SignedIn;
  /** `path` behind `/api/v1/meetings`; `who` undefined: without a token. */
  ask(who: SignedIn | undefined, method: string, path: string, body?: unknown): Promise<Reply>;
  /** The same for what must succeed; answers `data`. */
  get(who: SignedIn, method: string, path: string, body?: unknown): Promise<Data>;
  /** A meeting of the first that invites the others; answers its id. */
  schedule(host: SignedIn, invited?: readonly SignedIn[], more?: Data): Promise<string>;
  /** The same, started, with the host in it. */
  begin(host: SignedIn, invited?: readonly SignedIn[], more?: Data): Promise<string>;
};

export async function openMeetings(
  t: Pick<TestContext, 'after'>,
  settings: Readonly<Record<string, string>> = {},
): Promise<MeetingsServer> {
  const server = await startServer(t, settings);
  const [ada, bob, carol, dan] = await server.people(4);
  assert.ok(ada && bob && carol && dan);
  const ask: MeetingsServer['ask'] = (who, method, path, body) =>
    server.call(method, `/api/v1/meetings${path}`, { ...(who === undefined ? {} : { token: who.accessToken }), body });
  const get: MeetingsServer['get'] = async (who, method, path, body) => {
    const { status, body: answer, text } = await ask(who, method, path, body);
    assert.equal(status, 200, `${method} ${path}: ${text}`);
    assert.equal(answer['status'], 'success');
    return answer['data'] as Data;
  };
  const schedule: MeetingsServer['schedule'] = async (host, invited = [], more = {}) => {
    const people = invited.map(({ principal }) => principal.id);
    const made = await get(host, 'POST', '', { title: 'Weekly', invited: people, ...more });
    return String(made['meeting_id']);
  };
  const begin: MeetingsServer['begin'] = async (host, invited, more) => {
    const id = await schedule(host, invited, more);
    await get(host, 'POST', `/${id}/start`);
    await get(host, 'POST', `/${id}/join`, {});
    return id;
  };
  return { server, ada, bob, carol, dan, ask, get, schedule, begin };
}
