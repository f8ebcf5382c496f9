import { sql as text } from 'kysely';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';
import type { Parts } from './parts.ts';
import type { OwnSession } from './schema.ts';
import { leave } from './sessions.ts';
import { tablesOf } from './store.ts';

/** The caller's live login sessions, the last used first. */
export async function listSessions(
  { sql, clock }: Parts,
  principal: Principal,
  { page, limit }: Page,
): Promise<{ sessions: OwnSession[]; total: number }> {
  const live = tablesOf(sql.read)
    .selectFrom('sessions')
    .where('account', '=', principal.account)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', clock.now());
  const listed = live
    .select(['id', 'public_id', 'device', 'address', 'created_at', 'last_used'])
    .orderBy('last_used', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .offset((page - 1) * limit);
  const [rows, counted] = await Promise.all([
    sql.scan(listed.compile()),
    sql.scan(live.select(text<number>`count(*)`.as('total')).compile()),
  ]);
  const sessions = rows.map(({ id, public_id, device, address, created_at, last_used }) => ({
    id: idText(public_id),
    device,
    address,
    createdAt: created_at,
    lastUsed: last_used,
    current: id === principal.session,
  }));
  return { sessions, total: counted[0]?.total ?? 0 };
}

/** Ends one of the caller's live sessions, by its public id. Refuses SESSION_NOT_FOUND. */
export async function endSession({ log, clock }: Parts, { account }: Principal, id: string): Promise<void> {
  const key = idBytes(id);
  await log.write(async (transaction) => {
    const now = clock.now();
    const own =
      key &&
      (await tablesOf(transaction.sql)
        .selectFrom('sessions')
        .select('id')
        .where('public_id', '=', key)
        .where('account', '=', account)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst());
    if (own === undefined) throw new Refusal(identityErrors.SESSION_NOT_FOUND);
    await leave(transaction, account, { now, only: own.id });
  });
}
