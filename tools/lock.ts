// `npm run check:lock`: fails when package-lock.json holds a release older than lock.rules.ts allows, or lacks an optional
// package of another platform. With --fix the missing ones are added.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Lock } from './lock.rules.ts';
import { findOld, floors, missingOptionals } from './lock.rules.ts';

const file = 'package-lock.json';
const lock: Lock = JSON.parse(readFileSync(file, 'utf8'));
const missing = missingOptionals(lock);
const findings = findOld(lock, floors);

if (process.argv.includes('--fix') && Object.keys(missing).length > 0) {
  lock.packages = Object.fromEntries(
    Object.entries({ ...lock.packages, ...missing }).toSorted(([a], [b]) => a.localeCompare(b, 'en')),
  );
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`added ${Object.keys(missing).length} optional packages to ${file}`);
} else {
  for (const path of Object.keys(missing)) findings.push(`${path} is not in ${file}: run npm run fix`);
}

for (const finding of findings) console.error(finding);
if (findings.length > 0) process.exitCode = 1;
else
  console.log(`${Object.keys(floors).length} packages are at or above their oldest allowed release; none is missing`);
