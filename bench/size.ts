/** Bytes on disk for each message, with its event, its key and all indexes. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fillThrough } from './fill.ts';
import { openGenerator } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { createBenchDatabase } from './postgres.ts';
import { openStage } from './process.ts';
import { type Goal, goalText, whole } from './report.ts';
import { startOurs } from './target.ts';

const GOAL: Goal = { bound: 'at most', value: 400 };
const PEOPLE = 100;
/** What the content of one message takes at least. */
const CONTENT_BYTES = 60;

/** False when the messages cannot be there. `--count` messages (200,000) are sent; the server is stopped before and after, so that nothing waits in a WAL. */
export async function size(options: BenchOptions): Promise<boolean> {
  if (options.selfCheck) throw new Error('size has no bare side: the bare server stores nothing');
  const count = options.count ?? 200_000;
  const stage = openStage();
  const generator = openGenerator();
  const database = options.engine === 'postgres' ? await createBenchDatabase() : undefined;
  const dataDir = stage.folder();
  const startServer = () => startOurs(stage, { dataDir, databaseUrl: database?.url });
  const bytes = () => (database ? database.size() : Promise.resolve(folderBytes(dataDir)));
  try {
    const first = await startServer();
    const people = await first.people(PEOPLE);
    await first.stop();
    const before = await bytes();
    const second = await startServer();
    await fillThrough(generator, second, people, count);
    await second.stop();
    const perMessage = ((await bytes()) - before) / count;
    console.log(
      `\n${whole(count)} direct messages of about 65 characters in ${PEOPLE / 2} conversations, ${options.engine}`,
    );
    console.log(`  bytes on disk per message: ${perMessage.toFixed(1)}, ${goalText(perMessage, GOAL)}`);
    if (perMessage < CONTENT_BYTES)
      console.log('  FAULT: that is less than the content itself: it is stored elsewhere, or not at all');
    return perMessage >= CONTENT_BYTES;
  } finally {
    await generator.close();
    await stage.close();
    await database?.drop();
  }
}

function folderBytes(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) sum += statSync(join(entry.parentPath, entry.name)).size;
  }
  return sum;
}
