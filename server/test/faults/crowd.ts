import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { isJson } from './wire.ts';

export type CrowdOrder =
  | { do: 'open'; url: string; tokens: string[]; count: number }
  | { do: 'cut'; seed: number }
  /** From now on latencies are kept under this label; not at all when it is null. */
  | { do: 'measure'; as: string | null }
  /** Forgets the latencies measured so far, under every label. */
  | { do: 'forget' }
  | { do: 'tell' };

/** What they see. */
export type CrowdReport = Readonly<{
  members: number;
  /** The number of the last message at the member who is furthest behind; -1 when somebody saw none. */
  slowestLast: number;
  gaps: number;
  doubles: number;
  lost: number;
  recovered: number;
  /** In milliseconds, by label. */
  p99: Readonly<Record<string, number>>;
}>;

const entry = fileURLToPath(new URL('./crowd-process.ts', import.meta.url));

/** A crowd of lean clients in a process of its own. Orders are obeyed one at a time. */
export class Crowd {
  readonly #child: ChildProcess = fork(entry, { serialization: 'advanced' });

  order(order: CrowdOrder, within = 180_000): Promise<CrowdReport & { tookMs: number }> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the crowd did not obey "${order.do}" in ${within} ms`)), within);
      this.#child.once('message', (answer: { report: CrowdReport & { tookMs: number } } | { failed: string }) => {
        clearTimeout(timer);
        if (isJson(answer) && 'report' in answer) resolve(answer.report);
        else reject(new Error(`the crowd failed at "${order.do}": ${JSON.stringify(answer)}`));
      });
      this.#child.send(order);
    });
  }

  async leave(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((exit) => this.#child.once('exit', exit));
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await gone;
    clearTimeout(timer);
  }
}
