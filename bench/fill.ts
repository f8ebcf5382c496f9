/** Filling a data folder with messages, for the benchmarks of size and growth. */
import type { Person } from './client.ts';
import { type Generator, openGenerator } from './generator.ts';
import { openStage } from './process.ts';
import { startOurs, type Target } from './target.ts';

/** Enough conversations that none is everything, and enough in flight that commits are full. */
const PEOPLE = 200;
const IN_FLIGHT = 20;
/** The books of one exchange are in memory: this bounds them to some hundred megabytes. */
const SLICE = 500_000;

/** What a filled folder is good for: its people, in pairs that have conversations, with tokens valid for 12 hours. */
export type Filled = Person[];

/**
 * Fills the folder with `count` direct messages, through a server started on it and stopped again: the same rows,
 * keys and indexes as real use, at the speed of real use. With `databaseUrl` the messages go there. Progress goes to
 * the console.
 */
export async function fill(
  dataDir: string,
  count: number,
  options: { databaseUrl?: string | undefined } = {},
): Promise<Filled> {
  const stage = openStage();
  const generator = openGenerator();
  try {
    const target = await startOurs(stage, { dataDir, ...options });
    const people = await target.people(PEOPLE);
    await fillThrough(generator, target, people, count);
    await target.stop();
    return people;
  } finally {
    await generator.close();
    await stage.close();
  }
}

/** The same through a server that runs; the people write in pairs. */
export async function fillThrough(
  generator: Generator,
  target: Target,
  people: Person[],
  count: number,
): Promise<void> {
  const label = `fill ${target.pid}`;
  await generator.connect(label, target.url, people);
  for (let done = 0; done < count; done += SLICE) {
    const slice = Math.min(SLICE, count - done);
    const result = await generator.exchange(label, {
      inFlight: IN_FLIGHT,
      warmupSeconds: 0,
      seconds: 0,
      count: slice,
      serverPid: target.pid,
    });
    if (result.faults.length > 0) throw new Error(`filling failed: ${result.faults.join('; ')}`);
    if (count > SLICE) console.log(`  ${done + slice} of ${count} messages, ${Math.round(slice / result.seconds)}/s`);
  }
  await generator.disconnect(label);
}
