import assert from 'node:assert/strict';
import test from 'node:test';
import { signIn } from '../../../test/faults/people.ts';
import { gone, startLiveKit } from '../../../test/support/livekit.ts';
import { eventually } from '../../../test/support/meeting-log.ts';
import type { Data } from '../../../test/support/meetings.ts';
import { startServer, testFolder } from '../../../test/support/process.ts';
import { caller } from '../../../test/support/social.ts';

test('threat L-1: neither the secret nor a way in is in any line of the log, also when LiveKit fails', async (t) => {
  const room = await startLiveKit(t);
  const env = { ...room.settings, LOG_LEVEL: 'trace', RATE_LIMITS: 'off' };
  const server = await startServer(t, { folder: testFolder(t), env });
  const call = caller(server.url);
  const ask = async (token: string, path: string, body: Data): Promise<Data> => {
    const { status, text, body: answer } = await call('POST', `/api/v1${path}`, { token, body });
    assert.ok(status < 300, text);
    return answer['data'] as Data;
  };
  const [ada, bob] = await signIn(server.url, 2);
  assert.ok(ada && bob);
  const made = await ask(ada.token, '/meetings', { title: 'Weekly', invited: [bob.id] });
  const path = `/meetings/${String(made['meeting_id'])}`;
  await ask(ada.token, `${path}/start`, {});
  for (const { token } of [ada, bob]) await ask(token, `${path}/join`, {});
  const { token: wayIn } = await ask(bob.token, `${path}/token`, {});
  room.answer = { status: 500, body: { code: 'internal', msg: 'broken' } };
  await ask(ada.token, `${path}/security/policy`, { blocked_users: [bob.id] });
  await eventually(() => room.asked[0]);
  await eventually(() => (server.err().includes('job failed') ? true : undefined));
  room.answer = gone;
  assert.match(server.err(), new RegExp(`${path}/token`), 'that it was asked for is logged');
  const said = server.out() + server.err();
  assert.ok(!said.includes(room.settings.LIVEKIT_API_SECRET));
  assert.ok(!said.includes(String(wayIn)));
  assert.doesNotMatch(said, /eyJ/);
});
