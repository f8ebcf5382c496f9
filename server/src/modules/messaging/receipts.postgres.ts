import { isGroupTopic } from '../../infra/log/topic.ts';
import type { Receipt } from './store.ts';

type Key = Pick<Receipt, 'topic' | 'account'>;
type Statement = { name: string; text: string; values: string[] };

/** Writes a whole set in one round trip, each mark once; says which receipts were those of a member. */
export async function receiptsOnPostgres(
  query: (statement: Statement) => Promise<Key[]>,
  receipts: readonly Receipt[],
): Promise<boolean[]> {
  const values = [JSON.stringify(receipts.map((receipt) => ({ ...receipt, open: !isGroupTopic(receipt.topic) })))];
  const raised = await query({ name: 'receipts_raise', text, values });
  const keys = new Set(raised.map(({ topic, account }) => `${topic} ${account}`));
  return receipts.map(({ topic, account }) => keys.has(`${topic} ${account}`));
}

/**
 * A member's row is there while they are one; that of a direct conversation is made by its first receipt. The rows are
 * locked in one order first, the same in which they go when a group ends (`receipts_close`): otherwise each would wait
 * for the other.
 */
const text = `
  with given as (
    select topic, account, max(delivered) as delivered, max(seen) as seen, bool_and(open) as open,
      coalesce(bool_or(hidden), false) as hidden
    from jsonb_to_recordset($1::jsonb)
      as d(topic bigint, account bigint, delivered bigint, seen bigint, open boolean, hidden boolean)
    group by topic, account
  ), locked as materialized (
    select r.topic, r.account, g.delivered, g.seen
    from receipts r join given g on r.topic = g.topic and r.account = g.account
    where not g.open order by r.topic, r.account for update of r
  ), updated as (
    update receipts r set delivered = greatest(r.delivered, l.delivered), seen = greatest(r.seen, l.seen)
    from locked l where r.topic = l.topic and r.account = l.account
    returning r.topic, r.account
  ), inserted as (
    insert into receipts as r (topic, account, delivered, seen, shown_delivered, shown_seen)
    select topic, account, delivered, seen, case when hidden then 0 end, case when hidden then 0 end
    from given where open order by topic, account
    on conflict (topic, account) do update
    set delivered = greatest(r.delivered, excluded.delivered), seen = greatest(r.seen, excluded.seen),
      shown_delivered = case when excluded.shown_delivered is not null then coalesce(r.shown_delivered, r.delivered) end,
      shown_seen = case when excluded.shown_seen is not null then coalesce(r.shown_seen, r.seen) end
    returning r.topic, r.account
  )
  select topic, account from updated union all select topic, account from inserted`;
