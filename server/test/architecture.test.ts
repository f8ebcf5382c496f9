// Every file and name that the documents mention exists.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const decisions = readdirSync(`${root}docs/decisions`).map((name) => `docs/decisions/${name}`);
const documents = ['ARCHITECTURE.md', 'README.md', 'docs/operate.md', 'docs/threats.md', ...decisions];

/** The file's place: as written from the root, or below server/src. */
const placeOf = (path: string): string | undefined =>
  [root + path, `${root}server/src/${path}`].find((place) => existsSync(place));

const codeSpans = (document: string): string[] =>
  [...readFileSync(root + document, 'utf8').matchAll(/`([^`\n]+)`/g)].map(([, text]) => text ?? '');

/** Whether the source declares the name: a function, value, type or class, or a member of one. */
function declares(source: string, name: string): boolean {
  const escaped = name.replace(/[$]/g, '\\$&');
  const statement = `(?:function|class|const|let|type|interface)\\s+${escaped}\\b`;
  const member = `^\\s+(?:(?:async|static|readonly|override|get)\\s+)*${escaped}\\s*(?:<[^>]*>)?[(:=]`;
  return new RegExp(`${statement}|${member}`, 'm').test(source);
}

for (const document of documents) {
  test(`${document}: every \`file:name\` is in the code`, () => {
    const hops = codeSpans(document).flatMap((text) => {
      const [, path, name] = /^([\w./-]+\.(?:ts|js)):(#?\w+)$/.exec(text) ?? [];
      return path === undefined || name === undefined ? [] : [{ path, name }];
    });
    if (document === 'ARCHITECTURE.md') assert.ok(hops.length > 30, `only ${hops.length} names were found in it`);
    for (const { path, name } of hops) {
      const place = placeOf(path);
      assert.ok(place, `${document} names ${path}, which does not exist`);
      assert.ok(declares(readFileSync(place, 'utf8'), name), `${document} names ${path}:${name}, which does not exist`);
    }
  });

  test(`${document}: every file and folder it names exists`, () => {
    const roots = /^(?:server|web|bench|docs|examples|tools|infra|modules|doors|kernel)\/[\w./-]*$/;
    const files = codeSpans(document).filter((text) => roots.test(text) && !text.includes('<'));
    for (const path of files) assert.ok(placeOf(path), `${document} names ${path}, which does not exist`);
  });

  test(`${document}: every link to a file leads to one`, () => {
    const folder = document.includes('/') ? document.slice(0, document.lastIndexOf('/') + 1) : '';
    const text = readFileSync(root + document, 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (!/^https?:/.test(target)) assert.ok(existsSync(root + folder + target), `${document} links to ${target}`);
    }
  });
}

test('a name that is not declared is noticed', () => {
  const source =
    'export function send(): void {}\nclass Box {\n  readonly #size: number;\n  async open(): Promise<void> {}\n}\n';
  for (const name of ['send', 'Box', '#size', 'open']) assert.ok(declares(source, name), name);
  for (const name of ['sen', 'size', 'close', 'Promise']) assert.ok(!declares(source, name), name);
});
