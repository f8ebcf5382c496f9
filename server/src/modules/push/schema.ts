import { type Static, Type } from 'typebox';
import type { Principal } from '../../kernel/principal.ts';
import type { ServiceKey } from '../identity/index.ts';

/** Bytes of a message as JSON. */
export const messageLimit = 65_536;
/** Objects and lists inside each other. */
export const messageDepth = 32;
/** Accounts of one request. */
const mostReceivers = 1_000;

/** An id that is none is of nobody, who is not connected. */
const userId = Type.String({ minLength: 1, maxLength: 64 });

const what = {
  event: Type.String({ minLength: 1, maxLength: 64 }),
  message: Type.Unknown(),
  durable: Type.Optional(Type.Boolean()),
};

const someId = '01a1f882-7bfe-71a4-985d-bffc948debe8';

/** A push to one account; with `durable` it waits for who is away. */
export const pushDraft = Type.Object(
  { userId, ...what },
  { examples: [{ userId: someId, event: 'order-shipped', message: { order: 7 } }] },
);

/** The same to several. */
export const manyDraft = Type.Object(
  {
    userIds: Type.Array(userId, { minItems: 1, maxItems: mostReceivers }),
    ...what,
  },
  { examples: [{ userIds: [someId], event: 'order-shipped', message: { order: 7 } }] },
);
export type ManyDraft = Static<typeof manyDraft>;

/** What a service key must have to push, and to ask who is connected. */
export const scopes = { push: 'push:send', look: 'push:read' } as const;
export const pushScopes: readonly string[] = Object.values(scopes);

/** Who pushes: somebody who is signed in, or a program with a service key. */
export type Pusher = Readonly<{ kind: 'account'; principal: Principal }> | Readonly<{ kind: 'key'; key: ServiceKey }>;

/**
 * What became of a push to one account. `delivered`: it has a live connection. `queued`: it comes with the next one.
 * `full`: as many wait as may. `missed`: nobody is there, and nothing waits.
 */
export type Outcome = 'delivered' | 'queued' | 'full' | 'missed';
