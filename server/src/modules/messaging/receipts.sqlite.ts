import type { DatabaseSync } from 'node:sqlite';
import { isGroupTopic } from '../../infra/log/topic.ts';
import type { Receipt } from './store.ts';

/** Writes receipts inside the batch's transaction, one statement each; says which were those of a member. */
export function receiptsOnSqlite(writer: DatabaseSync): (receipts: readonly Receipt[]) => boolean[] {
  const upsert = writer.prepare(
    `INSERT INTO receipts (topic, account, delivered, seen, shown_delivered, shown_seen)
     VALUES (?1, ?2, ?3, ?4, iif(?5, 0, NULL), iif(?5, 0, NULL))
     ON CONFLICT (topic, account) DO UPDATE
     SET delivered = max(delivered, excluded.delivered), seen = max(seen, excluded.seen),
       shown_delivered = iif(?5, coalesce(shown_delivered, delivered), NULL),
       shown_seen = iif(?5, coalesce(shown_seen, seen), NULL)`,
  );
  const update = writer.prepare(
    `UPDATE receipts SET delivered = max(delivered, ?3), seen = max(seen, ?4) WHERE topic = ?1 AND account = ?2`,
  );
  const apply = ({ topic, account, delivered, seen, hidden = false }: Receipt): boolean =>
    isGroupTopic(topic)
      ? update.run(topic, account, delivered, seen).changes > 0
      : upsert.run(topic, account, delivered, seen, hidden ? 1 : 0).changes > 0;
  return (receipts) => receipts.map(apply);
}
