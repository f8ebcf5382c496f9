/** The load of `messages`: pairs that keep a number of direct messages in flight, with every delivery accounted for. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import { cpuMicros } from './process.ts';
import { percentile } from './report.ts';

/** How hard, and for how long. Either `seconds` (after `warmupSeconds`) or `count` messages altogether. */
export interface ExchangeOptions {
  inFlight: number;
  warmupSeconds: number;
  seconds: number;
  count?: number | undefined;
  /** The server under load, for its CPU time. */
  serverPid: number;
  /** Called at the first and the last moment of the measured window. */
  onWindow?: ((edge: 'begin' | 'end') => void) | undefined;
}

/** What came of it. Times in milliseconds, CPU in microseconds; all of the measured window but the faults. */
export interface ExchangeResult {
  messages: number;
  seconds: number;
  serverCpuMicros: number;
  /** The load generator's own CPU, as a share of one core. */
  clientLoad: number;
  sentP50: number;
  sentP99: number;
  receivedP50: number;
  receivedP99: number;
  /** What breaks a promise, over the whole run; empty when every acknowledged message came exactly once and in order. */
  faults: string[];
}

/** How long after the last delivery a missing one may still come. */
const DRAIN_PATIENCE_MS = 10_000;
/** A message that comes twice may come late: this much longer is listened. */
const LATE_MS = 100;
const FILLER = ' the quick brown fox jumps over the lazy dog, twice';
const CONTENT = '"content":"';
/** Of a message that another run sent. */
export const NO_MARK = -1;

/** `clients[2n]` writes to `clients[2n + 1]`; the window of a writer advances when its own `message:sent` comes back. */
export async function exchange(clients: Client[], options: ExchangeOptions): Promise<ExchangeResult> {
  const run = new Run(options.count ?? Number.POSITIVE_INFINITY);
  for (let pair = 0; pair + 1 < clients.length; pair += 2) {
    const [writer, reader] = [clients[pair], clients[pair + 1]];
    if (writer && reader) run.addPair(writer, reader);
  }
  run.keepInFlight(options.inFlight);
  if (options.count === undefined) await sleep(options.warmupSeconds * 1000);

  const began = { at: performance.now(), acknowledged: run.acknowledged, cpu: cpuMicros(options.serverPid) };
  const clientCpu = process.cpuUsage();
  options.onWindow?.('begin');
  run.beginWindow();
  if (options.count === undefined) await sleep(options.seconds * 1000);
  else await run.drained();
  run.endWindow();
  options.onWindow?.('end');
  const seconds = (performance.now() - began.at) / 1000;
  const serverCpuMicros = cpuMicros(options.serverPid) - began.cpu;
  const messages = options.count ?? run.acknowledged - began.acknowledged;
  const { user, system } = process.cpuUsage(clientCpu);

  await run.drained();
  await sleep(LATE_MS);
  return {
    messages,
    seconds,
    serverCpuMicros,
    clientLoad: (user + system) / 1e6 / seconds,
    sentP50: percentile(run.sentLatencies, 0.5),
    sentP99: percentile(run.sentLatencies, 0.99),
    receivedP50: percentile(run.receivedLatencies, 0.5),
    receivedP99: percentile(run.receivedLatencies, 0.99),
    faults: run.faults(),
  };
}

/** The books of one exchange: each message has a number, carried at the beginning of its content. */
class Run {
  acknowledged = 0;
  readonly sentLatencies: number[] = [];
  readonly receivedLatencies: number[] = [];
  private readonly limit: number;
  /** Tells this run's messages from those of another, which a server may send again to a client that came back. */
  private readonly mark = randomUUID().slice(0, 8);
  private readonly sentAt: number[] = [];
  private readonly clientIds: string[] = [];
  private readonly acknowledgements: number[] = [];
  private readonly receptions: number[] = [];
  private readonly writers: (() => void)[] = [];
  private received = 0;
  private strangers = 0;
  private disordered = 0;
  private readonly refusals: string[] = [];
  private sending = true;
  private windowFrom = Number.POSITIVE_INFINITY;

  constructor(limit: number) {
    this.limit = limit;
  }

  addPair(writer: Client, reader: Client): void {
    const sendNext = () => this.send(writer, reader.userId);
    writer.onFrame = (frame) => {
      if (frame.startsWith('42["message:sent"')) this.takeAcknowledgement(frame, sendNext);
      else if (frame.startsWith('42["error"')) this.refusals.push(frame);
    };
    let last = NO_MARK;
    reader.onFrame = (frame) => {
      if (!frame.startsWith('42["message:received"')) return;
      const number = markedNumber(frame, this.mark);
      if (number === NO_MARK) return;
      this.takeReception(number);
      if (number < last) this.disordered += 1;
      last = number;
    };
    this.writers.push(sendNext);
  }

  keepInFlight(count: number): void {
    for (let round = 0; round < count; round += 1) {
      for (const sendNext of this.writers) sendNext();
    }
  }

  beginWindow(): void {
    this.windowFrom = performance.now();
  }

  endWindow(): void {
    this.sending = false;
    this.windowFrom = Number.POSITIVE_INFINITY;
  }

  /** Resolves when all that is to be sent is acknowledged and received, a send was refused, or nothing comes any more. */
  async drained(): Promise<void> {
    let until = performance.now() + DRAIN_PATIENCE_MS;
    let before = 0;
    while (!this.isComplete() && this.refusals.length === 0 && performance.now() < until) {
      await sleep(5);
      const progress = this.acknowledged + this.received;
      if (progress > before) until = performance.now() + DRAIN_PATIENCE_MS;
      before = progress;
    }
  }

  private isComplete(): boolean {
    const expected = this.sending ? this.limit : this.sentAt.length;
    return this.acknowledged >= expected && this.received >= expected;
  }

  faults(): string[] {
    const count = (is: (number: number) => boolean) => this.sentAt.reduce((sum, _, n) => sum + (is(n) ? 1 : 0), 0);
    const found: [number, string][] = [
      [count((n) => this.acknowledgements[n] === 0), 'sent but never acknowledged'],
      [count((n) => (this.acknowledgements[n] ?? 0) > 1), 'acknowledged twice'],
      [count((n) => this.acknowledgements[n] !== 0 && this.receptions[n] === 0), 'acknowledged but not received'],
      [count((n) => (this.receptions[n] ?? 0) > 1), 'received twice'],
      [this.disordered, 'received out of order'],
      [this.strangers, 'acknowledged under another clientId, or never sent'],
      [this.refusals.length, `refused: ${this.refusals[0]}`],
    ];
    return found.filter(([times]) => times > 0).map(([times, what]) => `${times} ${what}`);
  }

  private send(writer: Client, receiverId: string): void {
    if (!this.sending || this.sentAt.length >= this.limit) return;
    const number = this.sentAt.length;
    const clientId = timeOrderedId();
    this.clientIds.push(clientId);
    this.acknowledgements.push(0);
    this.receptions.push(0);
    this.sentAt.push(performance.now());
    const draft = `"content":"${this.mark} ${number}${FILLER}","type":"TEXT","receiverId":"${receiverId}"`;
    writer.send(`42["message:send",{${draft},"clientId":"${clientId}"}]`);
  }

  private takeAcknowledgement(frame: string, sendNext: () => void): void {
    const number = markedNumber(frame, this.mark);
    if (number === NO_MARK) return;
    const clientId = this.clientIds[number];
    if (clientId === undefined || !frame.includes(clientId)) {
      this.strangers += 1;
      return;
    }
    this.acknowledged += 1;
    this.acknowledgements[number] = (this.acknowledgements[number] ?? 0) + 1;
    this.note(this.sentLatencies, number);
    sendNext();
  }

  private takeReception(number: number): void {
    if (this.sentAt[number] === undefined) {
      this.strangers += 1;
      return;
    }
    this.received += 1;
    this.receptions[number] = (this.receptions[number] ?? 0) + 1;
    this.note(this.receivedLatencies, number);
  }

  private note(latencies: number[], number: number): void {
    const sentAt = this.sentAt[number] ?? 0;
    if (sentAt >= this.windowFrom) latencies.push(performance.now() - sentAt);
  }
}

/** The number in `"content":"<mark> <number> …"`, found without parsing the frame; -1 when it carries another mark. */
export function markedNumber(frame: string, mark: string): number {
  const at = frame.indexOf(CONTENT) + CONTENT.length;
  if (!frame.startsWith(mark, at)) return NO_MARK;
  const from = at + mark.length + 1;
  return Number(frame.slice(from, frame.indexOf(' ', from)));
}

/** A UUIDv7: time first, then random. Good keys lie in the order of time, which is what the documentation recommends. */
function timeOrderedId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
