/**
 * A server that is broken on purpose, to show that the fault runs notice. It is the real one with one part replaced;
 * FAULTS_SABOTAGE names which. Started by the runs with `--sabotage`, never by anything else.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';

import { type App, type AppOptions, buildApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Delivery } from '../../src/infra/delivery/delivery.ts';
import type { Feed } from '../../src/infra/delivery/feed.ts';
import { Replay, type ReplayOptions, type Skipped } from '../../src/infra/delivery/replay.ts';
import { type MessageStore, messageOf } from '../../src/modules/messaging/store.ts';
import { type Composition, serve } from '../../src/serve.ts';
import { openSqlite, type Storage } from '../../src/storage.ts';
import type { Sabotage } from './run.ts';

/** How much later than its acknowledgement a message is written, and how long a hand-over leaves a hole, in milliseconds. */
const late = 50;

/** Says that it has stored a message, and stores it a moment later. */
const acknowledgeBeforeCommit = (store: MessageStore): MessageStore => ({
  append: async (draft) => {
    setTimeout(() => void store.append(draft).catch(() => {}), late);
    return { outcome: 'sent', message: messageOf(draft, { seq: 0, conversation: 0, receiver: null }) };
  },
  waiting: (conversation) => store.waiting(conversation),
  raise: (receipt) => store.raise(receipt),
  deleting: (act) => store.deleting(act),
});

/** Stores every message as if it had come without a clientId. */
const forgetKeys = (store: MessageStore): MessageStore => ({
  append: (draft) => store.append({ ...draft, clientId: null }),
  waiting: (conversation) => store.waiting(conversation),
  raise: (receipt) => store.raise(receipt),
  deleting: (act) => store.deleting(act),
});

/** Writes each receipt as it came, whatever was there before. */
const lowerReceipts = (store: MessageStore, { log }: Storage): MessageStore => ({
  append: (draft) => store.append(draft),
  waiting: (conversation) => store.waiting(conversation),
  raise: async (receipt) => {
    const { topic, account, delivered, seen } = receipt;
    const known = await store.raise(receipt);
    const lower = sql`update receipts set delivered = ${delivered}, seen = ${seen} where topic = ${topic} and account = ${account}`;
    await log.write(async (transaction) => void (await lower.execute(transaction.sql)));
    return known;
  },
  deleting: (act) => store.deleting(act),
});

/** Goes on from the head instead of from the row the client has, after a pause between the last page and the loop. */
class HastyReplay extends Replay {
  readonly #delivery: Delivery;

  constructor(options: ReplayOptions) {
    super(options);
    this.#delivery = options.delivery;
  }

  override async catchUp(feed: Feed, limit?: number): Promise<Skipped | null> {
    const skipped = await super.catchUp(feed, limit);
    if (feed.ended || !feed.live) return skipped;
    this.#delivery.pause(feed);
    await sleep(late);
    if (feed.ended) return skipped;
    feed.cursor = this.#delivery.delivered;
    this.#delivery.enter(feed);
    return skipped;
  }
}

const build =
  (change: (options: AppOptions) => Partial<AppOptions>) =>
  (options: AppOptions): Promise<App> =>
    buildApp({ ...options, ...change(options) });

const withStore = (replace: (store: MessageStore, storage: Storage) => MessageStore): Composition => ({
  build: build(({ storage }) => ({ storage: { ...storage, messageStore: replace(storage.messageStore, storage) } })),
});

/** Takes what was refused for sent. */
const everybodyWrites = (store: MessageStore): MessageStore => ({
  append: async (draft) => {
    const verdict = await store.append(draft);
    if (verdict.outcome !== 'refused') return verdict;
    return { outcome: 'sent', message: messageOf(draft, { seq: 0, conversation: 0, receiver: null }) };
  },
  waiting: (conversation) => store.waiting(conversation),
  raise: (receipt) => store.raise(receipt),
  deleting: (act) => store.deleting(act),
});

/** Expects that people write letters. */
const trustContent = (store: MessageStore): MessageStore => ({
  append: async (draft) => {
    if (/[^\w ]/.test(draft.content)) throw new TypeError('what is this?');
    return store.append(draft);
  },
  waiting: (conversation) => store.waiting(conversation),
  raise: (receipt) => store.raise(receipt),
  deleting: (act) => store.deleting(act),
});

const compositions: Record<Sabotage, Composition> = {
  'acknowledge-before-commit': withStore(acknowledgeBeforeCommit),
  'forget-keys': withStore(forgetKeys),
  'lower-receipts': withStore(lowerReceipts),
  'skip-at-handover': { build: build(() => ({ replayWith: (options) => new HastyReplay(options) })) },
  'sync-normal': { open: ({ file, clock }) => openSqlite({ path: file, synchronous: 'NORMAL' }, clock) },
  'unguarded-content': withStore(trustContent),
  'everybody-writes': withStore(everybodyWrites),
  'unbounded-buffers': {
    build: build(({ config }) => ({ config: { ...config, SEND_BUFFER: Number.MAX_SAFE_INTEGER } })),
  },
};

const isSabotage = (name: string): name is Sabotage => name in compositions;

const wanted = process.env['FAULTS_SABOTAGE'] ?? '';
if (!isSabotage(wanted)) throw new Error(`FAULTS_SABOTAGE is one of ${Object.keys(compositions).join(', ')}`);
await serve(readConfig(), compositions[wanted]);
