/** The load of `fanout`: one message after the other to a group, each waited for at every member. */
import { randomUUID } from 'node:crypto';
import type { Client } from './client.ts';
import { markedNumber, NO_MARK } from './exchange.ts';
import { cpuMicros } from './process.ts';
import { percentile } from './report.ts';

export interface BroadcastOptions {
  groupId: string;
  seconds: number;
  serverPid: number;
}

/** Latency from the send to the last member's reception, in milliseconds; CPU in microseconds. */
export interface BroadcastResult {
  deliveries: number;
  messages: number;
  serverCpuMicros: number;
  lastP50: number;
  lastP99: number;
  faults: string[];
}

const PATIENCE_MS = 15_000;

/** The first member writes; the next message leaves when all members, the writer too, have the last one. */
export async function broadcast(members: Client[], options: BroadcastOptions): Promise<BroadcastResult> {
  const mark = randomUUID().slice(0, 8);
  const writer = members[0];
  if (!writer) throw new Error('a group needs members');
  const faults: string[] = [];
  const latencies: number[] = [];
  const lastSeen = new Int32Array(members.length).fill(-1);
  let current = -1;
  let missing = 0;
  let complete = () => {};
  members.forEach((member, index) => {
    member.onFrame = (frame) => {
      if (frame.startsWith('42["error"')) faults.push(frame);
      if (!frame.startsWith('42["message:received"')) return;
      const number = markedNumber(frame, mark);
      if (number === NO_MARK) return;
      if (number !== current || lastSeen[index] === number) {
        faults.push(`member ${index} got message ${number} when ${current} was expected`);
        return;
      }
      lastSeen[index] = number;
      missing -= 1;
      if (missing === 0) complete();
    };
  });

  const sendOne = () =>
    new Promise<void>((resolve) => {
      current += 1;
      missing = members.length;
      const sentAt = performance.now();
      const patience = setTimeout(() => {
        faults.push(`message ${current} did not reach ${missing} members within ${PATIENCE_MS} ms`);
        resolve();
      }, PATIENCE_MS);
      complete = () => {
        clearTimeout(patience);
        latencies.push(performance.now() - sentAt);
        resolve();
      };
      const draft = { content: `${mark} ${current} to all of you`, type: 'TEXT', groupId: options.groupId };
      writer.send(`42["message:send",${JSON.stringify(draft)}]`);
    });

  for (let warmup = 0; warmup < 5 && faults.length === 0; warmup += 1) await sendOne();
  latencies.length = 0;
  const cpuBefore = cpuMicros(options.serverPid);
  const until = performance.now() + options.seconds * 1000;
  while (performance.now() < until && faults.length === 0) await sendOne();
  return {
    messages: latencies.length,
    deliveries: latencies.length * members.length,
    serverCpuMicros: cpuMicros(options.serverPid) - cpuBefore,
    lastP50: percentile(latencies, 0.5),
    lastP99: percentile(latencies, 0.99),
    faults: faults.slice(0, 3),
  };
}
