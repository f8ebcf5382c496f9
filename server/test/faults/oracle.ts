import type { Reader, Row, Send } from './findings.ts';
import { Findings } from './findings.ts';
import { judgeHistory, judgeOrderOfSends } from './judge-history.ts';
import { judgeReader } from './judge-reader.ts';

/** Remembers everything that was promised and everything that was shown, and holds it against history at the end. */
export class Oracle {
  readonly sends = new Map<string, Send>();
  readonly readers = new Map<string, Reader>();
  readonly #refusals = new Map<string, number>();
  #tick = 0;
  #acknowledged = 0;

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** To be called before the first byte of the first try leaves; a repeat changes nothing. */
  sending(key: string, conversation: string, sender: string): void {
    if (this.sends.has(key)) return;
    const send = { key, conversation, sender, sentAt: ++this.#tick, acknowledgedAt: undefined, ids: new Set<string>() };
    this.sends.set(key, send);
  }

  acknowledge(key: string, id: string): void {
    const send = this.sends.get(key);
    if (send === undefined) throw new Error(`acknowledged, but never sent: ${key}`);
    if (send.acknowledgedAt === undefined) this.#acknowledged++;
    send.acknowledgedAt ??= ++this.#tick;
    send.ids.add(id);
  }

  /** A refusal that the run did not ask for. */
  refuse(key: string, code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
    if (!this.sends.has(key)) throw new Error(`refused, but never sent: ${key}`);
  }

  /** A socket that shall see everything in `conversations`, from now to the end. */
  addReader(name: string, conversations: readonly string[]): Reader {
    const reader = { name, conversations, seen: [], lastSeq: -1, backwards: 0, connections: 0, unrecovered: 0 };
    this.readers.set(name, reader);
    return reader;
  }

  connect(reader: Reader, recovered: boolean): void {
    if (reader.connections > 0 && !recovered) reader.unrecovered++;
    reader.connections++;
  }

  /** `seq` is the number in the offset of the event; a socket has one cursor over all its topics, so it only rises. */
  show(reader: Reader, message: { key: string; id: string; conversation: string }, seq: number | undefined): void {
    reader.seen.push(message);
    if (seq === undefined) return;
    if (seq <= reader.lastSeq) reader.backwards++;
    reader.lastSeq = seq;
  }

  /** `histories`: what REST tells of each conversation now, oldest first, after everything has come to rest. */
  judge(histories: ReadonlyMap<string, readonly Row[]>): Findings {
    const findings = new Findings();
    judgeHistory(this.sends, histories, findings);
    judgeOrderOfSends(this.sends, histories, findings);
    for (const reader of this.readers.values()) judgeReader(reader, histories, findings);
    for (const [code, count] of this.#refusals) findings.add('refused', code, count);
    return findings;
  }
}
