/** The entry of all benchmarks: `npm run bench -- <name> [options]`. */
import { fanout } from './fanout.ts';
import { growth } from './growth.ts';
import { idle } from './idle.ts';
import { messages } from './messages.ts';
import { type BenchOptions, readOptions } from './options.ts';
import { presence } from './presence.ts';
import { receipts } from './receipts.ts';
import { rest } from './rest.ts';
import { search } from './search.ts';
import { size } from './size.ts';
import { start } from './start.ts';

interface Bench {
  about: string;
  /** Prints its figures; resolves false when what was measured was wrong (a message lost, a request failed). */
  run: (options: BenchOptions) => Promise<boolean>;
}

const BENCHES: Record<string, Bench> = {
  messages: { about: 'durable direct messages: throughput, CPU and latency against bare Socket.IO', run: messages },
  fanout: {
    about: 'one message to 1,000 and 5,000 members: CPU per delivery against a bare Socket.IO room',
    run: fanout,
  },
  idle: { about: 'memory per authenticated idle connection against bare Socket.IO', run: idle },
  presence: {
    about: 'a crowd that comes at once, and again after a restart: events told and time until quiet',
    run: presence,
  },
  receipts: {
    about: 'a message that 100 and 1,000 members read at once: rows changed, events and CPU per receipt',
    run: receipts,
  },
  rest: { about: 'GET /auth/me against bare Fastify with the same token check and one SQLite read', run: rest },
  start: { about: 'from spawn to the first healthy answer against bare Fastify', run: start },
  search: { about: 'search p99 with 10 thousand and with a million messages of one’s own', run: search },
  size: { about: 'bytes on disk per message', run: size },
  growth: { about: 'send and history p99 with 10 thousand and with 10 million messages stored', run: growth },
};

function usage(): string {
  const names = Object.entries(BENCHES).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`);
  return `Usage: npm run bench -- <name> [options]

${names.join('\n')}

Options
  --engine sqlite|postgres  what our server stores in (postgres: BENCH_POSTGRES_URL, a server on this machine)
  --seconds N               length of one measured window
  --rounds N                how often each side is measured
  --count N                 sockets or messages, where the benchmark counts them
  --self-check              the bare server in both places: ratios near 1 show what a ratio is worth on this machine`;
}

const [name, ...args] = process.argv.slice(2);
const bench = name === undefined ? undefined : BENCHES[name];
if (!bench) {
  const unknown = name !== undefined && name !== '--help' && name !== '-h';
  console.log(usage());
  if (unknown) console.error(`\nThere is no benchmark "${name}".`);
  process.exitCode = unknown ? 2 : 0;
} else {
  try {
    const options = readOptions(args);
    if (options.selfCheck) console.log('Self-check: "ours" is the bare server, too.');
    const sound = await bench.run(options);
    if (!sound) process.exitCode = 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
