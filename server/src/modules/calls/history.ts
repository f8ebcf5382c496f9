import { sql } from 'kysely';
import type { Sql } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import { callErrors } from './errors.ts';
import { prepareNames } from './names.ts';
import type { Call, CallList, CallWithParticipants } from './schema.ts';
import { callFrom, prepareReads } from './store.ts';

/** Reads of calls by key. */
export class CallHistory {
  readonly #sql: Sql;
  readonly #reads: ReturnType<typeof prepareReads>;
  readonly #names: ReturnType<typeof prepareNames>;

  constructor(database: Sql) {
    this.#sql = database;
    this.#reads = prepareReads(database);
    this.#names = prepareNames(database);
  }

  async byNumber(number: number): Promise<Call> {
    const [stored] = await this.#reads.among([number]);
    if (stored === undefined) throw new Refusal(callErrors.CALL_NOT_FOUND);
    return callFrom(stored);
  }

  /** Refuses CALL_NOT_FOUND, and NOT_INVITED to who is neither in it nor a member of its group. */
  async read(account: number, id: string): Promise<CallWithParticipants> {
    const bytes = idBytes(id);
    const stored = bytes && (await this.#reads.byId.get(bytes));
    if (stored === undefined) throw new Refusal(callErrors.CALL_NOT_FOUND);
    const { id: number, group_id } = stored;
    const person = await this.#reads.person.get(number, account);
    const isMember = group_id !== null && (await this.#reads.isMember.get(group_id, account)) !== undefined;
    // Who was rung as a member, or began the call of a group, sees of it what members see.
    const isNamed = person?.direct === 1 && (group_id === null || stored.initiator !== account);
    if (!isNamed && !isMember) throw new Refusal(callErrors.NOT_INVITED);
    const people = await this.#reads.participants.all(number);
    const participants = people
      .flatMap(({ public_id, username, joined_at, left_at }) =>
        joined_at === null ? [] : { userId: idText(public_id), username, joinedAt: joined_at, leftAt: left_at },
      )
      .sort((left, right) => left.joinedAt - right.joinedAt);
    const invited = people.map(({ public_id, username, state }) => ({ userId: idText(public_id), username, state }));
    return { ...callFrom(stored), participants, invited };
  }

  /** Calls of an account's history, newest first. */
  async list(account: number, page: Page): Promise<CallList> {
    const numbers = await this.#numbers(account, page);
    const [found, names] = await Promise.all([this.#reads.among(numbers), this.#names(account, numbers)]);
    const stored = new Map(found.map((call) => [call.id, callFrom(call)]));
    const calls = numbers.flatMap((number) => {
      const [call, named] = [stored.get(number), names.get(number)];
      return call === undefined || named === undefined ? [] : [{ ...call, ...named }];
    });
    return { calls, total: (await this.#reads.total.get(account))?.total ?? 0 };
  }

  async #numbers(account: number, { page, limit, before, after }: Page): Promise<number[]> {
    if (after !== undefined) {
      const found = await this.#reads.after.all(account, await this.#bound(account, after), limit);
      return found.map(({ call }) => call).reverse();
    }
    const bound = before === undefined ? Number.MAX_SAFE_INTEGER : await this.#bound(account, before);
    const offset = before === undefined ? (page - 1) * limit : 0;
    const found =
      offset === 0 ? await this.#reads.before.all(account, bound, limit) : await this.#past(account, { offset, limit });
    return found.map(({ call }) => call);
  }

  /** The cost grows with the offset, so it runs off the event loop. */
  #past(account: number, { offset, limit }: { offset: number; limit: number }): Promise<{ call: number }[]> {
    const query = sql<{ call: number }>`
      select call_id as call from call_people where account = ${account}
      order by call_id desc limit ${limit} offset ${offset}`;
    return this.#sql.scan(query.compile(this.#sql.read));
  }

  async #bound(account: number, id: string): Promise<number> {
    const bytes = idBytes(id);
    const stored = bytes && (await this.#reads.byId.get(bytes));
    if (stored === undefined || (await this.#reads.person.get(stored.id, account)) === undefined) {
      throw new Refusal(callErrors.CALL_NOT_FOUND);
    }
    return stored.id;
  }
}
