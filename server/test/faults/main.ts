/** `npm run faults -- <run>`: what is killed, cut, stalled or repeated here must lose nothing. */
import { parseArgs } from 'node:util';
import type { Wish } from './perform.ts';
import { faultRuns, perform } from './perform.ts';
import { Unavailable } from './run.ts';

const help = `npm run faults -- <run> [options]

Starts real servers on 127.0.0.1 with data folders of their own, does to them what the run says, and holds what every
client saw against what the server tells afterwards. Prints figures and a verdict; exits 0 when everything held.

${faultRuns.map(({ name, summary, rounds, sabotage }) => `  ${name.padEnd(15)}${summary}\n${' '.repeat(17)}${rounds.full} rounds, ${rounds.short} with --short; sabotage: ${sabotage}`).join('\n')}

  --rounds N           how often, in place of the number above
  --seed S             repeat the choices of an earlier run
  --short              a few seconds instead of minutes
  --engine postgres    on a fresh database of the server that DATABASE_URL names
  --sabotage           start a server that was broken on purpose; exits 0 when the run noticed
  --help               this text`;

const options = {
  rounds: { type: 'string' },
  seed: { type: 'string' },
  short: { type: 'boolean' },
  engine: { type: 'string' },
  sabotage: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

function whole(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw new Unavailable(`--${name} is a whole number from 1 on.`);
  return number;
}

function wrongRun([name, ...more]: readonly string[]): string {
  if (name === undefined) return 'Say which run.';
  return more.length > 0 ? 'One run at a time.' : `There is no run "${name}".`;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const run = faultRuns.find(({ name }) => name === positionals[0]);
  if (values.help || run === undefined || positionals.length > 1) {
    console.log(help);
    if (values.help) return 0;
    console.error(`\n${wrongRun(positionals)}`);
    return 2;
  }
  const engine = values.engine ?? 'sqlite';
  if (engine !== 'sqlite' && engine !== 'postgres') throw new Unavailable('--engine is sqlite or postgres.');
  const wish: Wish = {
    engine,
    short: values.short ?? false,
    sabotage: values.sabotage ?? false,
    ...(values.rounds === undefined ? {} : { rounds: whole('rounds', values.rounds) }),
    ...(values.seed === undefined ? {} : { seed: whole('seed', values.seed) }),
  };
  return (await perform(run, wish)) ? 0 : 1;
}

try {
  process.exit(await main());
} catch (error) {
  const expected = error instanceof Unavailable || (error instanceof TypeError && 'code' in error);
  console.error(expected ? error.message : error);
  process.exit(expected ? 2 : 1);
}
