// `npm run check:barriers`: fails on an import that crosses a barrier, and when not every file was looked at.
import { globSync } from 'node:fs';
import { rules } from './barriers.rules.ts';
import { cruiseFolders } from './cruise.ts';

const folders = ['server', 'bench', 'examples', 'tools'].filter((folder) => globSync(`${folder}/**/*.ts`).length > 0);
const present = folders
  .flatMap((folder) => globSync(`${folder}/**/*.ts`))
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !file.includes('node_modules/'));
const seen = await cruiseFolders(process.cwd(), folders);

const reasons = new Map(rules.map((rule) => [rule.name, rule.comment]));
for (const { rule, from, to } of seen.violations) console.error(`${from} → ${to}\n  ${rule}: ${reasons.get(rule)}`);

const unread = present.filter((file) => !seen.files.includes(file));
for (const file of unread) console.error(`${file} was not looked at`);
if (seen.imports === 0) console.error('no import was seen, so nothing was checked');

console.log(`${seen.files.length} files, ${seen.imports} imports among them, ${rules.length} rules`);
process.exitCode = seen.violations.length + unread.length > 0 || seen.imports === 0 ? 1 : 0;
