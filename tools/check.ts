// `npm run check`: runs every script of package.json that is called check:…, all of them even when one fails, and says
// at the end which failed. `npm run check -- types lint` runs only those.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** How many steps run side by side: the type checker and the linter both use more than one core by themselves. */
const AT_ONCE = 2;

type Outcome = { step: string; passed: boolean; seconds: number; output: string };

function stepsOfPackage(): string[] {
  const manifest: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.keys(manifest.scripts)
    .filter((name) => name.startsWith('check:'))
    .map((name) => name.slice('check:'.length));
}

function run(step: string): Promise<Outcome> {
  const started = performance.now();
  const child = spawn('npm', ['run', '--silent', `check:${step}`], { shell: process.platform === 'win32' });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  return new Promise((resolve) => {
    const finish = (passed: boolean, extra = '') =>
      resolve({
        step,
        passed,
        seconds: (performance.now() - started) / 1000,
        output: Buffer.concat(chunks).toString() + extra,
      });
    child.on('error', (error) => finish(false, error.message));
    child.on('close', (code) => finish(code === 0));
  });
}

async function runInTurn(queue: string[], outcomes: Outcome[]): Promise<void> {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const outcome = await run(step);
    outcomes.push(outcome);
    if (!outcome.passed) console.log(`\n── ${step} ──\n${outcome.output.trimEnd()}\n`);
    console.log(`${outcome.passed ? 'ok    ' : 'FAILED'} ${step.padEnd(10)} ${outcome.seconds.toFixed(1)} s`);
  }
}

const known = stepsOfPackage();
const asked = process.argv.slice(2);
const unknown = asked.filter((step) => !known.includes(step));
if (unknown.length > 0) {
  console.error(`There is no step ${unknown.join(', ')}; there are: ${known.join(', ')}.`);
  process.exit(2);
}

const queue = asked.length > 0 ? [...asked] : [...known];
const outcomes: Outcome[] = [];
await Promise.all(Array.from({ length: AT_ONCE }, () => runInTurn(queue, outcomes)));

const failed = outcomes.filter((outcome) => !outcome.passed).map((outcome) => outcome.step);
console.log(
  failed.length === 0 ? `check: all ${outcomes.length} steps passed` : `check: failed in ${failed.join(', ')}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
