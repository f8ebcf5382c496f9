// `npm run check:words`: reads every file that git has or would add, and fails on what words.rules.ts forbids.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { findWords } from './words.rules.ts';

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
})
  .split('\0')
  .filter((file) => file !== '' && existsSync(file));

/** The host this machine installs packages from, whatever it is called. */
function hostOfRegistry(): string[] {
  const address = process.env.npm_config_registry;
  return address ? [new URL(address).host] : [];
}

const hosts = hostOfRegistry();
const findings = files.flatMap((file) => {
  const bytes = readFileSync(file);
  return bytes.includes(0) ? [] : findWords(file, bytes.toString('utf8'), hosts);
});

for (const finding of findings) console.error(finding);
if (files.length === 0) {
  console.error('git lists no files: nothing was checked');
  process.exitCode = 1;
} else if (findings.length > 0) {
  process.exitCode = 1;
} else {
  console.log(`${files.length} files hold no machine path and no registry address`);
}
