import assert from 'node:assert/strict';
import test from 'node:test';
import { Pids } from './pid.ts';

const owner = { account: '01a1f882-7bfe-71a4-985d-bffc948debe8', session: '01a1f882-7bfe-72cf-b31c-b94b06bd8a35' };
const pids = new Pids(Buffer.from('a key'));

test('a pid says for which account and session it was made; each is another', () => {
  const [one, two] = [pids.issue(owner), pids.issue(owner)];
  assert.deepEqual([pids.ownerOf(one), pids.ownerOf(two)], [owner, owner]);
  assert.notEqual(one, two);
  assert.ok(one.length <= 200);
});

test('a pid that was changed in any place, or made with another key, is none', () => {
  const pid = pids.issue(owner);
  for (let place = 0; place < pid.length; place += 1) {
    const other = pid[place] === 'a' ? 'b' : 'a';
    assert.equal(pids.ownerOf(pid.slice(0, place) + other + pid.slice(place + 1)), undefined, `place ${place}`);
  }
  assert.equal(pids.ownerOf(new Pids(Buffer.from('another key')).issue(owner)), undefined);
});

test('whatever else a client says is none', () => {
  const pid = pids.issue(owner);
  const wrong = [
    undefined,
    null,
    7,
    {},
    [pid],
    '',
    '.',
    '...',
    'a.b.c.d',
    pid.slice(0, -1),
    `${pid}.`,
    ` ${pid}`,
    'x'.repeat(1_000),
    '.ü.ü.ü',
  ];
  for (const given of wrong) assert.equal(pids.ownerOf(given), undefined, String(given).slice(0, 50));
});
