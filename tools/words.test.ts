import assert from 'node:assert/strict';
import test from 'node:test';
import { findWords } from './words.rules.ts';

/** Joins the parts, so that this file itself passes the check. */
const spelled = (...parts: string[]) => parts.join('');

const forbidden = [
  spelled('see /wo', 'rk/main/server'),
  spelled('file:///ho', 'me/anna/project'),
  spelled('"/Us', 'ers/anna/project"'),
  spelled('C:\\Us', 'ers\\anna'),
  spelled('cp ..', '/shared/design.md .'),
  spelled('"resol', 'ved": "https://packages.example/ws.tgz"'),
  spelled('https://regis', 'try.example.org/ws'),
  spelled('regis', 'try=https://packages.example'),
];

for (const line of forbidden) {
  test(`the check finds ${JSON.stringify(line)}`, () => {
    assert.equal(findWords('a.md', `first line\n${line}\n`).length > 0, true);
    assert.match(findWords('a.md', `first line\n${line}\n`)[0] ?? '', /^a\.md:2: /);
  });
}

test('the check finds the host that this machine installs from', () => {
  assert.deepEqual(findWords('package-lock.json', 'x\nhttp://10.1.2.3:4873/ws', ['10.1.2.3:4873']), [
    'package-lock.json:2: the address of a package registry (10.1.2.3:4873)',
  ]);
});

test('the check lets ordinary text pass', () => {
  const ordinary = [
    '../shared-types.ts',
    'GET /api/v1/groups/{id}',
    'await rm(join(tmpdir(), "data"))',
    '"resolved": "server", "link": true',
    'network/homework/root cause',
  ];
  assert.deepEqual(
    ordinary.flatMap((line) => findWords('a.md', line)),
    [],
  );
});
