import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText, newId } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';
import { identityEvents, type SessionsRevoked } from './events.ts';
import type { Parts } from './parts.ts';
import { profileOf } from './profile.ts';
import type { Origin, SignedIn, Tokens } from './schema.ts';
import { type Account, slicesOf, type Tables, tablesOf } from './store.ts';
import { newRefreshToken, secretHash } from './tokens.ts';

/** A login session, and with it every refresh token of its family, ends this long after its login. */
const sessionSeconds = 7 * 24 * 3_600;

/** How long a used refresh token still gives its successor: the time an answer may have been lost, in milliseconds. */
const graceMilliseconds = 10_000;

/** A session that is being opened, before its access token is signed. */
export type Opened = Readonly<{
  account: Account;
  session: number;
  sessionId: string;
  expiresAt: number;
  refreshToken: string;
}>;

/** Opens a session for each account, inside a transaction. */
export async function openSessions(
  { clock }: Parts,
  db: Tables,
  accounts: readonly Account[],
  origin: Origin,
): Promise<Opened[]> {
  const now = clock.now();
  const expiresAt = now + sessionSeconds * 1_000;
  const opened: Opened[] = [];
  for (const part of slicesOf(accounts)) {
    const byId = new Map(part.map((account) => [idText(newId()), account]));
    const rows = [...byId].map(([sessionId, account]) => ({
      public_id: idBytes(sessionId) ?? newId(),
      account: account.id,
      created_at: now,
      last_used: now,
      address: origin.address,
      device: origin.device?.slice(0, 200) ?? null,
      expires_at: expiresAt,
    }));
    const inserted = await db.insertInto('sessions').values(rows).returning(['id', 'public_id']).execute();
    const tokens = inserted.map(({ id, public_id }): Opened => {
      const account = byId.get(idText(public_id));
      if (account === undefined) throw new Error('The database returned a session that was not inserted');
      return { account, session: id, sessionId: idText(public_id), expiresAt, refreshToken: newRefreshToken() };
    });
    const hashes = tokens.map(({ session, refreshToken }) => ({
      hash: secretHash(refreshToken),
      session,
      issued_at: now,
    }));
    await db.insertInto('refresh_tokens').values(hashes).execute();
    opened.push(...tokens);
  }
  return opened;
}

/** Signs the access token of a session that has been committed. */
export async function signedIn(parts: Parts, opened: Opened): Promise<SignedIn> {
  const { account, session, sessionId, expiresAt, refreshToken } = opened;
  const profile = profileOf(parts, account);
  const { id, role } = profile;
  const accessToken = await parts.accessTokens.issue({ id, sessionId, role, until: expiresAt });
  const principal = { account: account.id, id, session, sessionId, role, until: expiresAt };
  return { principal, profile, accessToken, refreshToken };
}

/**
 * Ends the sessions of an account, only the one named or all but one; also those that have ended by time, whose sockets may be there
 * still. The row that says so is written in the same transaction; sockets are closed where it is read.
 */
export async function revokeSessions(
  { sql, append }: Transaction,
  account: number,
  { now, only, except }: { now: number; only?: number; except?: number },
): Promise<void> {
  const revoked = await tablesOf(sql)
    .updateTable('sessions')
    .set({ revoked_at: now })
    .where('account', '=', account)
    .where('revoked_at', 'is', null)
    .$if(only !== undefined, (query) => query.where('id', '=', only ?? 0))
    .$if(except !== undefined, (query) => query.where('id', '<>', except ?? 0))
    .returning('public_id')
    .execute();
  if (revoked.length === 0) return;
  const payload: SessionsRevoked = { sessions: revoked.map(({ public_id }) => idText(public_id)) };
  append({ topic: topicOf('user', account), type: identityEvents.sessionsRevoked, payload });
}

type Rotation = 'rotated' | 'repeated' | 'reused';

/** Exchanges a refresh token for its successor, once; who presents a used one late ends the whole session. */
export async function refresh(parts: Parts, refreshToken: string): Promise<Tokens> {
  const { log, reads, accessTokens, clock } = parts;
  const hash = secretHash(refreshToken);
  const known = await reads.refreshToken.get(hash);
  if (known === undefined) throw new Refusal(identityErrors.INVALID_REFRESH_TOKEN);
  const successor = parts.successorOf(refreshToken);
  const held = await log.write(async (transaction) => {
    const db = tablesOf(transaction.sql);
    const now = clock.now();
    const live = await liveSession(db, known.session, now);
    if (live === undefined) return undefined;
    const rotation = await rotate(db, { hash, session: known.session, successor: secretHash(successor), now });
    if (rotation === 'rotated') await touch(db, { account: known.account, session: known.session, now });
    if (rotation !== 'reused') return live;
    await revokeSessions(transaction, known.account, { now, only: known.session });
    return undefined;
  });
  if (held === undefined) throw new Refusal(identityErrors.INVALID_REFRESH_TOKEN);
  const accessToken = await accessTokens.issue({
    id: idText(held.id),
    sessionId: idText(held.session),
    role: held.role,
    until: held.expiresAt,
  });
  return { accessToken, refreshToken: successor };
}

const liveSession = (db: Tables, session: number, now: number) =>
  db
    .selectFrom('sessions')
    .innerJoin('accounts', 'accounts.id', 'sessions.account')
    .select([
      'accounts.public_id as id',
      'accounts.role as role',
      'sessions.public_id as session',
      'sessions.expires_at as expiresAt',
    ])
    .where('sessions.id', '=', session)
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', now)
    .where('accounts.deleted_at', 'is', null)
    .executeTakeFirst();

/** The update decides among parallel callers: on PostgreSQL the others wait for its row and then find it used. */
async function rotate(
  db: Tables,
  { hash, session, successor, now }: { hash: Uint8Array; session: number; successor: Uint8Array; now: number },
): Promise<Rotation> {
  const claimed = await db
    .updateTable('refresh_tokens')
    .set({ used_at: now, successor })
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .returning('session')
    .executeTakeFirst();
  if (claimed !== undefined) {
    await db.insertInto('refresh_tokens').values({ hash: successor, session, issued_at: now }).execute();
    return 'rotated';
  }
  const used = await db
    .selectFrom('refresh_tokens')
    .select(['used_at', 'successor'])
    .where('hash', '=', hash)
    .executeTakeFirst();
  // Another successor: the secret has changed since, and the one derived now was never stored.
  const same = used?.successor != null && Buffer.from(used.successor).equals(successor);
  return same && now - (used.used_at ?? 0) <= graceMilliseconds ? 'repeated' : 'reused';
}

async function touch(db: Tables, { account, session, now }: { account: number; session: number; now: number }) {
  await db.updateTable('accounts').set({ last_seen: now, signed_in_at: now }).where('id', '=', account).execute();
  await db.updateTable('sessions').set({ last_used: now }).where('id', '=', session).execute();
}

/**
 * Ends the session of the given refresh token. One that nobody knows ends the caller's own session: an answer that
 * says "logged out" must be true. Somebody else's is refused with INVALID_REFRESH_TOKEN.
 */
export async function logout({ log, reads, clock }: Parts, principal: Principal, refreshToken: string): Promise<void> {
  const known = await reads.refreshToken.get(secretHash(refreshToken));
  if (known !== undefined && known.account !== principal.account) {
    throw new Refusal(identityErrors.INVALID_REFRESH_TOKEN);
  }
  const only = known?.session ?? principal.session;
  await log.write((transaction) => leave(transaction, principal.account, { now: clock.now(), only }));
}

/** Ends every session of the account, at every door. */
export async function logoutAll({ log, clock }: Parts, principal: Principal): Promise<void> {
  await log.write((transaction) => leave(transaction, principal.account, { now: clock.now() }));
}

/** Whoever ends their last session is not taken for present because they signed in just before. */
export async function leave(
  transaction: Transaction,
  account: number,
  which: { now: number; only?: number },
): Promise<void> {
  const accounts = tablesOf(transaction.sql).updateTable('accounts');
  await accounts.set({ last_seen: which.now }).where('id', '=', account).execute();
  await revokeSessions(transaction, account, which);
  await accounts
    .set({ signed_in_at: 0 })
    .where('id', '=', account)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('sessions')
            .select('id')
            .where('account', '=', account)
            .where('revoked_at', 'is', null)
            .where('expires_at', '>', which.now),
        ),
      ),
    )
    .execute();
}

/** Who holds this access token; refuses INVALID_TOKEN. The role is the one of now, not the one in the token. */
export async function authenticate(
  { accessTokens, reads, clock }: Parts,
  token: string,
  options?: { continuation?: boolean },
): Promise<Principal> {
  const { id, sessionId, until = Number.POSITIVE_INFINITY } = await accessTokens.verify(token, options);
  const session = idBytes(sessionId);
  const account = idBytes(id);
  if (session === undefined || account === undefined) throw new Refusal(identityErrors.INVALID_TOKEN);
  const live = await reads.liveSession.get(session, account, clock.now());
  if (live === undefined) throw new Refusal(identityErrors.INVALID_TOKEN);
  // Field by field: copying a row of the database as a whole costs more than the read, at every request.
  const { account: number, session: place, role } = live;
  return { account: number, id, session: place, sessionId, role, until: Math.min(live.until, until) };
}

/**
 * Forgets codes and sessions that ended by time, with their refresh tokens, and tells the sockets of those that nobody had ended
 * before; returns how many sessions. Call again while it is `limit`.
 */
export async function forgetExpired({ log, clock }: Parts, limit: number): Promise<number> {
  return log.write(async ({ sql, append }) => {
    const db = tablesOf(sql);
    await db.deleteFrom('password_resets').where('expires_at', '<=', clock.now()).execute();
    const old = await db
      .selectFrom('sessions')
      .select(['id', 'public_id', 'account', 'revoked_at'])
      .where('expires_at', '<=', clock.now())
      .orderBy('expires_at')
      .limit(limit)
      .execute();
    for (const part of slicesOf(old.map(({ id }) => id))) {
      await db.deleteFrom('refresh_tokens').where('session', 'in', part).execute();
      await db.deleteFrom('sessions').where('id', 'in', part).execute();
    }
    const unheard = Map.groupBy(
      old.filter(({ revoked_at }) => revoked_at === null),
      ({ account }) => account,
    );
    for (const [account, sessions] of unheard) {
      const payload: SessionsRevoked = { sessions: sessions.map(({ public_id }) => idText(public_id)) };
      append({ topic: topicOf('user', account), type: identityEvents.sessionsRevoked, payload });
    }
    return old.length;
  });
}
