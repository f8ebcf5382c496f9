/** Who comes and goes, told to those who share a group: a crowd that comes, and comes back after a restart. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connectClients, type Person } from './client.ts';
import type { BenchOptions } from './options.ts';
import { createBenchDatabase } from './postgres.ts';
import { cpuMicros, openStage, requireOpenFiles } from './process.ts';
import { goalText, milliseconds, printTable, whole } from './report.ts';
import { startOurs, type Target } from './target.ts';

/** The largest group in which presence is told: each then has the largest audience that one group can give. */
const GROUP_SIZE = 200;
/** Longer than the delay after which somebody is said to have gone: whatever was to be said has been. */
const QUIET_MS = 6_500;

interface Storm {
  connectedMs: number;
  events: number;
  /** From the first connection to the last event; 0 without any. */
  quietMs: number;
  cpuMicros: number;
}

/** `--count` clients (2,000) in groups of 200, a person each, all at once; then all of them again after a restart. */
export async function presence(options: BenchOptions): Promise<boolean> {
  const count = options.count ?? 2000;
  requireOpenFiles(count);
  const stage = openStage();
  const database = options.engine === 'postgres' ? await createBenchDatabase() : undefined;
  try {
    const place = { dataDir: stage.folder(), databaseUrl: database?.url };
    const first = await startOurs(stage, place);
    const people = await first.people(count);
    for (let start = 0; start < count; start += GROUP_SIZE) await first.group(people.slice(start, start + GROUP_SIZE));
    const { storm: coming, clients } = await storm(first, people);
    await Promise.all(clients.map((client) => client.close()));
    await first.stop();
    const second = await startOurs(stage, place);
    const back = await storm(second, people);
    await Promise.all(back.clients.map((client) => client.close()));
    return report({ count, engine: options.engine, coming, returning: back.storm });
  } finally {
    await stage.close();
    await database?.drop();
  }
}

async function storm(target: Target, people: Person[]): Promise<{ storm: Storm; clients: Client[] }> {
  const cpuBefore = cpuMicros(target.pid);
  const began = performance.now();
  let events = 0;
  let last = began;
  const hear = (frame: string) => {
    if (!frame.startsWith('42["user:o')) return;
    events += 1;
    last = performance.now();
  };
  const clients = await connectClients(target.url, people, { width: people.length, onFrame: hear });
  const connectedMs = performance.now() - began;
  while (performance.now() - Math.max(last, began + connectedMs) < QUIET_MS) await sleep(100);
  const quietMs = events === 0 ? 0 : last - began;
  return { storm: { connectedMs, events, quietMs, cpuMicros: cpuMicros(target.pid) - cpuBefore }, clients };
}

interface Figures {
  count: number;
  engine: string;
  coming: Storm;
  returning: Storm;
}

/** Nobody who comes back after a restart is news; and nobody who comes is told twice to anybody. */
function report({ count, engine, coming, returning }: Figures): boolean {
  const most = count * (Math.min(count, GROUP_SIZE) - 1);
  const row = (name: string, { connectedMs, events, quietMs, cpuMicros }: Storm, goal: number) => [
    name,
    milliseconds(connectedMs),
    whole(events),
    milliseconds(quietMs),
    milliseconds(cpuMicros / 1_000),
    goalText(events, { bound: 'at most', value: goal }),
  ];
  console.log(`\n${whole(count)} clients in groups of ${GROUP_SIZE}, all at once, ${engine}`);
  printTable([
    ['', 'all connected', 'events', 'until quiet', 'server CPU', 'events'],
    row('coming', coming, most),
    row('back after a restart', returning, 0),
  ]);
  return coming.events <= most && returning.events === 0;
}
