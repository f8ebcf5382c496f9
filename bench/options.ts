/** The options that benchmarks share. */
import { parseArgs } from 'node:util';

export interface BenchOptions {
  engine: 'sqlite' | 'postgres';
  /** Length of one measured window; each benchmark has its own default. */
  seconds: number | undefined;
  rounds: number | undefined;
  /** How many of what the benchmark counts: sockets, messages. */
  count: number | undefined;
  /** Runs the bare server in our place, too: the ratios must come out near 1, which shows what a ratio is worth here. */
  selfCheck: boolean;
}

/** Reads the command line after the benchmark's name; throws a sentence for a person. */
export function readOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      engine: { type: 'string', default: 'sqlite' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      count: { type: 'string' },
      'self-check': { type: 'boolean', default: false },
    },
  });
  const { engine } = values;
  if (engine !== 'sqlite' && engine !== 'postgres') throw new Error('--engine is sqlite or postgres');
  return {
    engine,
    seconds: positive('seconds', values.seconds),
    rounds: positive('rounds', values.rounds),
    count: positive('count', values.count),
    selfCheck: values['self-check'],
  };
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0) || value > 1e9) throw new Error(`--${name} is a number above 0`);
  return value;
}
