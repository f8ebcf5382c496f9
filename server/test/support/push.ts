import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { connected, field } from './clients.ts';
import { startServer, type TestServer } from './server.ts';

/** A server and three people; `asAda` pushes as the first. */
export async function openPush(t: TestContext, settings = {}) {
  const server = await startServer(t, settings);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const asAda = as(server, ada.accessToken);
  return {
    server,
    ada,
    bob,
    carol,
    asAda,
    /** A connection that is live: what goes past the log reaches nobody who is still catching up. */
    listen: async (who: SignedIn) => {
      const client = await connected(t, server, { token: who.accessToken });
      await server.send(who, { receiverId: who.principal.id }, 'to oneself');
      const { event } = await client.ear.until(({ data }) => field(data, 'content') === 'to oneself');
      client.ear.all.splice(
        client.ear.all.findIndex((heard) => heard.event === event),
        1,
      );
      return client;
    },
  };
}

/** Requests of one caller to the push door. */
export const as = (server: TestServer, token: string) => ({
  send: (userId: string, event: string, message: unknown, more: object = {}) =>
    server.call('POST', '/api/gateway/send', { token, body: { userId, event, message, ...more } }),
  sendMany: (userIds: readonly string[], event: string, message: unknown, more: object = {}) =>
    server.call('POST', '/api/gateway/send-many', { token, body: { userIds, event, message, ...more } }),
  get: (path: string) => server.call('GET', `/api/gateway/${path}`, { token }),
});

export const keyOf = async (server: TestServer, ...scopes: string[]): Promise<string> =>
  (await server.app.identity.createKey({ name: 'a back end', scopes })).key;
