import { randomBytes } from 'node:crypto';
import type { Config } from '../config.ts';
import type { Signal } from '../infra/delivery/signal.ts';
import { UnlimitedLimits } from '../infra/limits/limits.none.ts';
import type { Limits } from '../infra/limits/limits.ts';
import { smtpMail } from '../infra/mail/mail.smtp.ts';
import { later, systemClock } from '../kernel/clock.ts';
import { Calls, JitsiRooms } from '../modules/calls/index.ts';
import { Groups } from '../modules/groups/index.ts';
import {
  buildForgetting,
  buildIdentity,
  buildResetMail,
  type DeletePart,
  type Identity,
  type ResetMail,
} from '../modules/identity/index.ts';
import { Breakouts, LiveKitDepartures, LiveKitTokens, liveKitOf, MeetingChat } from '../modules/meetings/index.ts';
import { Messaging } from '../modules/messaging/index.ts';
import { Presence, Typing } from '../modules/presence/index.ts';
import { Push } from '../modules/push/index.ts';
import { Search } from '../modules/search/index.ts';
import type { Secrets } from '../secrets.ts';
import type { Storage } from '../storage.ts';
import type { Ground } from './ground.ts';
import { buildMeetings } from './meetings.ts';

/** Who has live connections here: what the modules know of sockets, by public ids. */
export type Online = Readonly<{
  has(id: string): boolean;
  /** Those on which one thing only is shown count too. */
  isConnected(id: string): boolean;
  all(): string[];
}>;

type CoreOptions = {
  config: Config;
  storage: Storage;
  limits: Limits;
  secret: Uint8Array;
  isOnline: (id: string) => boolean;
  leftAt: (account: number) => number;
};

/** The modules over the log, which is ready for reading and writing once all of them have said what they keep in it. */
async function buildCore({ config, storage, limits, secret, isOnline, leftAt }: CoreOptions) {
  const { sql, log, messageStore } = storage;
  const clock = systemClock;
  const groups = new Groups({ sql, log, clock });
  // In this order, in the transaction that deletes an account; what is built above adds its own.
  const deleteParts: DeletePart[] = [(transaction, who) => groups.leaveAll(transaction, who)];
  const onDelete: DeletePart = async (transaction, who) => {
    for (const part of deleteParts) await part(transaction, who);
  };
  const identity = buildIdentity({ sql, log, limits, clock, isOnline, leftAt, onDelete, secret, config });
  const messaging = new Messaging({
    sql,
    log,
    store: messageStore,
    clock,
    isOnline,
    isBlocked: (by, who) => identity.isBlocked(by, who),
    // What somebody wrote stays readable for whom it was for.
    findAccount: (id) => identity.findAccount(id, { deletedToo: true }),
    findGroup: (id) => groups.find(id),
  });
  await log.start();
  return { core: { identity, groups, messaging }, deleteParts };
}

/** The modules without doors, for a command on a folder that no server holds; they sign and verify no token. */
export async function buildOffline({ config, storage }: { config: Config; storage: Storage }) {
  const limits = new UnlimitedLimits(systemClock);
  const secret = randomBytes(32);
  const { core } = await buildCore({ config, storage, limits, secret, isOnline: () => false, leftAt: () => 0 });
  const { identity } = core;
  const close = async (): Promise<void> => {
    await storage.log.close();
    await storage.sql.close();
  };
  return { identity, close };
}

export type Modules = Awaited<ReturnType<typeof buildModules>>;

export async function buildModules(ground: Ground, online: Online) {
  const { config, storage, limits, secrets, clock, bus, jobs, logger, onFailure } = ground;
  const { sql, log } = storage;
  const isOnline = (id: string): boolean => online.has(id);
  const leftAt = (account: number): number => told.presence.leftAt(account);
  const secret = secrets.tokens;
  const { core, deleteParts } = await buildCore({ config, storage, limits, secret, isOnline, leftAt });
  const { identity, groups, messaging } = core;
  const told = buildPresence(ground, core);
  messaging.receipts.tell = (signal) => bus.signal(signal);
  const rooms = roomsFor(config, secrets);
  const calls = new Calls({ sql, log, clock, jobs, identity, rooms, ringSeconds: config.CALL_RING_SECONDS });
  deleteParts.push((transaction, who) => calls.leaveAll(transaction, who), buildForgetting({ log, jobs, clock }));
  groups.departures = {
    left: (transaction, left, who) => calls.leaveGroups(transaction, left, who),
    ended: (transaction, ended) => calls.endGroups(transaction, ended),
  };
  const meetings = buildMeetings(ground, { identity, isConnected: (id) => online.isConnected(id), deleteParts });
  return {
    ...core,
    ...meetings,
    search: new Search({ sql, log, messaging, onFailure }),
    calls,
    resetMail: resetMailFor(ground, identity),
    push: new Push({
      sql,
      log,
      bus,
      clock,
      identity,
      online,
      open: config.NODE_ENV === 'development',
      record: (entry) => logger.info(entry, 'push'),
    }),
    ...told,
    ...buildTalk(ground),
  };
}

/** What meetings have beside their people: what is said, breakout rooms, and the ways into the LiveKit room. */
function buildTalk({ config, storage: { sql, log }, clock, jobs, onFailure }: Ground) {
  const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = config;
  const settings = { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET };
  const liveKit = liveKitOf(settings);
  return {
    meetingChat: new MeetingChat({ sql, log, clock }),
    breakouts: new Breakouts({ sql, log, clock, jobs }),
    liveKitTokens: new LiveKitTokens({ sql, settings, liveKit }),
    liveKitDepartures:
      liveKit === undefined ? undefined : new LiveKitDepartures({ sql, log, clock, jobs, liveKit, onFailure }),
  };
}

/** Where calls take place; `undefined` in production as long as not all of it is set. */
function roomsFor(
  { NODE_ENV, JITSI_DOMAIN, JITSI_APP_ID }: Config,
  { jitsi: secret }: Secrets,
): JitsiRooms | undefined {
  const open = NODE_ENV === 'development';
  const domain = JITSI_DOMAIN ?? (open ? 'meet.jitsi.com' : undefined);
  const appId = JITSI_APP_ID ?? (open ? 'rendezvous' : undefined);
  if (domain === undefined || appId === undefined || secret === undefined) return undefined;
  return new JitsiRooms({ domain, appId, secret }, systemClock);
}

/** Without a mail server, whoever runs this one hands the codes out. */
function resetMailFor({ config, storage, jobs, limits, clock }: Ground, identity: Identity): ResetMail | undefined {
  const { SMTP_URL, MAIL_FROM } = config;
  if (SMTP_URL === undefined) return undefined;
  return buildResetMail({ identity, log: storage.log, jobs, limits, clock, mail: smtpMail(SMTP_URL, MAIL_FROM) });
}

/** What is told past the log: who is there, and who types. */
function buildPresence(
  { config, storage: { sql, log }, limits, bus, clock, onFailure }: Ground,
  { identity, groups }: { identity: Identity; groups: Groups },
) {
  const signal = (one: Signal): void => bus.signal(one);
  const presence = new Presence({
    sql,
    log,
    clock,
    later,
    signal,
    blocksAround: (account) => identity.blocksAround(account),
    isBlocked: (by, who) => identity.isBlocked(by, who),
    publicProfile: (account) => identity.publicProfile(account),
    noteSeen: (accounts, at) => identity.noteSeen(accounts, at),
    onFailure,
    delay: config.OFFLINE_AFTER * 1_000,
  });
  const typing = new Typing({
    limits,
    rate: config.RATE_LIMIT_TYPING,
    signal,
    findAccount: (id) => identity.findAccount(id),
    isBlocked: (by, who) => identity.isBlocked(by, who),
    blocksAround: (account) => identity.blocksAround(account),
    membership: (principal, groupId) => groups.membership(principal, groupId),
  });
  return { presence, typing };
}
