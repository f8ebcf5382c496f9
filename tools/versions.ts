// `npm run check:versions`: fails when package-lock.json holds a release older than versions.rules.ts allows.
import { readFileSync } from 'node:fs';
import type { Lock } from './versions.rules.ts';
import { findOld, floors } from './versions.rules.ts';

const lock: Lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const findings = findOld(lock, floors);

for (const finding of findings) console.error(finding);
if (findings.length > 0) process.exitCode = 1;
else console.log(`${Object.keys(floors).length} packages are at or above their oldest allowed release`);
