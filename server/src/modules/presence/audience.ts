import { topicOf } from '../../infra/log/topic.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import { toldUpTo } from './schema.ts';

/** Groups, and direct conversations with accounts on either side, that are looked at: what bounds the reading for one coming. */
const mostOfEach = 500;
/** People who hear of one coming: all that are written to are written to in one turn. */
const mostPeople = 10_000;

/** Whose live connections hear that an account comes or goes. */
export type Audience = Readonly<{ topics: readonly number[]; except: readonly number[] }>;

/** Finds by keys who shares a small group or a direct conversation with an account. */
export class Audiences {
  readonly #groups: Statement<{ id: number; members: number }>;
  readonly #above: Statement<{ id: number }>;
  readonly #below: Statement<{ id: number }>;
  readonly #sharing: Statement<{ yes: number }>;
  readonly #blocksAround: (account: number) => Promise<ReadonlySet<number> | undefined>;

  constructor(sql: Sql, blocksAround: (account: number) => Promise<ReadonlySet<number> | undefined>) {
    this.#blocksAround = blocksAround;
    this.#groups = sql.statement(
      // The latest 500 are counted before it is known which of them are small: that bounds what is read.
      `SELECT m.group_id AS id, g.members AS members FROM group_members m JOIN groups g ON g.id = m.group_id
       WHERE m.account = ?1 AND m.group_id >= coalesce((SELECT o.group_id FROM group_members o WHERE o.account = ?1
           ORDER BY o.group_id DESC LIMIT 1 OFFSET ${mostOfEach - 1}), 0)
         AND g.members <= ${toldUpTo} ORDER BY m.group_id DESC`,
    );
    this.#above = sql.statement(
      `SELECT high AS id FROM conversations WHERE low = ?1 AND high > ?1 ORDER BY high DESC LIMIT ${mostOfEach}`,
    );
    this.#below = sql.statement(
      `SELECT low AS id FROM conversations WHERE high = ?1 AND low > 0 AND low < ?1 ORDER BY low DESC LIMIT ${mostOfEach}`,
    );
    this.#sharing = sql.statement(
      `SELECT 1 AS yes WHERE EXISTS (SELECT 1 FROM conversations WHERE low = ?3 AND high = ?4)
         OR EXISTS (SELECT 1 FROM group_members m JOIN groups g ON g.id = m.group_id AND g.members <= ${toldUpTo}
           JOIN group_members o ON o.group_id = m.group_id AND o.account = ?2 WHERE m.account = ?1)`,
    );
  }

  /** Whether one of them hears of the other, as long as none has blocked the other. */
  async share(account: number, other: number): Promise<boolean> {
    return (await this.#sharing.get(account, other, Math.min(account, other), Math.max(account, other))) !== undefined;
  }

  /**
   * Not the account itself, and nobody whom it has blocked or who has blocked it; where these are too many, nobody at all. Of the latest 500 groups and conversations as far as they make up
   * 10,000 people: conversations first, then the groups made last.
   */
  async of(account: number): Promise<Audience> {
    const [groups, above, below, blocked] = await Promise.all([
      this.#groups.all(account),
      this.#above.all(account),
      this.#below.all(account),
      this.#blocksAround(account),
    ]);
    if (blocked === undefined) return { topics: [], except: [] };
    const topics = [...above, ...below].map(({ id }) => topicOf('user', id));
    let people = topics.length;
    for (const { id, members } of groups) {
      people += members;
      if (people > mostPeople) break;
      topics.push(topicOf('group', id));
    }
    return { topics, except: [account, ...blocked] };
  }
}
