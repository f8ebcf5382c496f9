import assert from 'node:assert/strict';
import test from 'node:test';
import { heardBy } from '../../../test/support/meeting-log.ts';
import { type Data, type MeetingsServer, openMeetings } from '../../../test/support/meetings.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);

/** A meeting of ada with bob and carol in it; dan is a stranger. */
async function gathered(house: MeetingsServer, more: Data = {}): Promise<string> {
  const { ada, bob, carol, begin, get } = house;
  const id = await begin(ada, [bob, carol], more);
  for (const who of [bob, carol]) await get(who, 'POST', `/${id}/join`, {});
  return id;
}

const contents = async ({ get }: MeetingsServer, who: SignedIn, id: string, query = ''): Promise<string[]> => {
  const found = (await get(who, 'GET', `/${id}/chat${query}`)) as unknown as Data[];
  return found.map(({ content }) => String(content));
};

const chatHeard = async ({ server }: MeetingsServer, who: SignedIn): Promise<string[]> =>
  (await heardBy(server, who)).filter(({ type }) => type === 'meeting.chat').map(({ body }) => String(body['content']));

test('chat is for who has a token', async (t) => {
  const { ask } = await openMeetings(t);
  for (const method of ['GET', 'POST']) {
    const { status, body } = await ask(undefined, method, `/${nobody}/chat`, method === 'GET' ? undefined : {});
    assert.deepEqual([status, body['code']], [401, 'UNAUTHORIZED']);
  }
});

test('[meetings:POST /api/v1/meetings/{id}/chat] [meetings:enum message_type] [meetings:rule is_private follows recipient_id] a message reaches everybody in the meeting, and is as it was sent', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, ask } = house;
  const id = await gathered(house);
  const body = {
    content: 'Hello everyone!',
    message_type: 'text',
    recipient_id: null,
    file_url: null,
    file_name: null,
    file_type: null,
    file_size: null,
  };
  const answer = await ask(bob, 'POST', `/${id}/chat`, body);
  assert.equal(answer.status, 200, answer.text);
  const { message_id, timestamp, ...shown } = answer.body['data'] as Data;
  assert.deepEqual([answer.body['status'], answer.body['message']], ['success', 'Chat message sent successfully']);
  assert.match(String(message_id), /^[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(shown, {
    sender_id: idOf(bob),
    sender_name: bob.profile.username,
    content: 'Hello everyone!',
    message_type: 'text',
    is_private: false,
  });
  for (const who of [ada, bob, carol]) assert.deepEqual(await chatHeard(house, who), ['Hello everyone!']);
});

test('what is said of a file comes back with it, and its address is http or https', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, ask, get } = house;
  const id = await gathered(house);
  const file = {
    file_url: 'https://files.example.org/a%20plan.pdf?v=2#page=3',
    file_name: 'plan.pdf',
    file_type: 'application/pdf',
    file_size: 123_456,
  };
  for (const message_type of ['file', 'image']) {
    const sent = await get(bob, 'POST', `/${id}/chat`, { content: 'the plan', message_type, ...file });
    const { file_url, file_name, file_type, file_size } = sent;
    assert.deepEqual({ file_url, file_name, file_type, file_size }, file);
    assert.equal(sent['message_type'], message_type);
  }
  const [stored] = (await get(ada, 'GET', `/${id}/chat`)) as unknown as Data[];
  assert.equal(stored?.['file_size'], 123_456);
  for (const wrong of [
    { content: '' },
    { content: 'x'.repeat(5_001) },
    { content: 'a\u0000b' },
    {},
    { content: 'a', message_type: 'video' },
    { content: 'a', message_type: 'file' },
    { content: 'a', message_type: 'image', file_name: 'a.png' },
    ...['javascript:alert(1)', 'data:text/html,x', 'ftp://a.example/b', '//a.example/b', 'https://', 'https://a b'].map(
      (file_url) => ({ content: 'a', message_type: 'file', file_url }),
    ),
    { content: 'a', file_size: -1 },
    { content: 'a', file_size: 1.5 },
    { content: 'a', file_name: 'x'.repeat(256) },
    { content: 'a', recipient_id: bob.principal.id },
    { content: 'a', client_id: 'short' },
  ]) {
    const { status, body, text } = await ask(bob, 'POST', `/${id}/chat`, wrong);
    assert.deepEqual(
      [status, body['code']],
      [400, 'VALIDATION_ERROR'],
      `${JSON.stringify(wrong).slice(0, 80)} ${text}`,
    );
  }
  assert.equal((await contents(house, ada, id)).length, 2);
  const longest = 'x'.repeat(5_000);
  assert.equal((await get(bob, 'POST', `/${id}/chat`, { content: longest }))['content'], longest);
});

test('the same key is the same message, over the header and in the body; with another input it is refused', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, get, ask } = house;
  const id = await gathered(house);
  const draft = { content: 'once', recipient_id: idOf(carol), client_id: 'a-key-of-bob' };
  const first = await get(bob, 'POST', `/${id}/chat`, draft);
  // The other spelling of an id is no other input.
  const other = { ...draft, recipient_id: carol.principal.id };
  const twins = await Promise.all(Array.from({ length: 5 }, () => get(bob, 'POST', `/${id}/chat`, other)));
  assert.deepEqual(new Set(twins.map(({ message_id }) => message_id)), new Set([first['message_id']]));
  const inHeader = () =>
    server.call('POST', `/api/v1/meetings/${id}/chat`, {
      token: bob.accessToken,
      body: { content: 'by header' },
      headers: { 'idempotency-key': 'another-key' },
    });
  assert.deepEqual((await inHeader()).body['data'], (await inHeader()).body['data']);
  assert.deepEqual(await contents(house, bob, id), ['once', 'by header']);
  assert.deepEqual(await chatHeard(house, carol), ['once', 'by header']);
  const changed = await ask(bob, 'POST', `/${id}/chat`, { ...draft, content: 'twice' });
  assert.equal(changed.status, 409);
  await get(ada, 'POST', `/${id}/chat`, { content: 'the key of another', client_id: 'a-key-of-bob' });
  await get(ada, 'POST', `/${id}/end`);
  const repeated = await get(bob, 'POST', `/${id}/chat`, draft);
  assert.equal(repeated['message_id'], first['message_id'], 'its answer was lost on the way, and the meeting ended');
});

test('[meetings:GET /api/v1/meetings/{id}/chat] [meetings:limit chat history limit default 50, offset default 0] the history comes oldest first, by limit and offset, also after the end', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, ask, get } = house;
  const id = await gathered(house);
  const all = Array.from({ length: 215 }, (_, index) => `message ${index}`);
  for (const content of all) await get(bob, 'POST', `/${id}/chat`, { content });
  assert.deepEqual(await contents(house, carol, id), all.slice(0, 50));
  assert.deepEqual(await contents(house, carol, id, '?limit=3&offset=60'), all.slice(60, 63));
  assert.deepEqual(await contents(house, carol, id, '?limit=1000'), all.slice(0, 200), 'above 200 counts as 200');
  assert.deepEqual(await contents(house, carol, id, '?offset=205'), all.slice(205));
  assert.deepEqual(await contents(house, carol, id, '?offset=215'), []);
  for (const query of ['?limit=0', '?limit=-1', '?limit=x', '?offset=-1', '?offset=1.5', '?limit=1&limit=2']) {
    const { status, body } = await ask(carol, 'GET', `/${id}/chat${query}`);
    assert.deepEqual([status, body['code']], [400, 'VALIDATION_ERROR'], query);
  }
  await get(ada, 'POST', `/${id}/end`);
  assert.deepEqual(await contents(house, carol, id, '?limit=2'), all.slice(0, 2));
  const late = await ask(bob, 'POST', `/${id}/chat`, { content: 'too late' });
  assert.deepEqual([late.status, late.body['code']], [410, 'MEETING_ENDED']);
});

test('who has not joined writes nothing, and a stranger finds no meeting', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, dan, ask, schedule, begin, get } = house;
  const before = await schedule(ada, [bob]);
  const early = await ask(ada, 'POST', `/${before}/chat`, { content: 'a' });
  assert.deepEqual([early.status, early.body['code']], [400, 'MEETING_NOT_ACTIVE']);
  const id = await begin(ada, [bob]);
  const refused: [SignedIn, string, string, number, string][] = [
    [bob, 'POST', id, 404, 'PARTICIPANT_NOT_FOUND'],
    [dan, 'POST', id, 404, 'MEETING_NOT_FOUND'],
    [dan, 'GET', id, 404, 'MEETING_NOT_FOUND'],
    [ada, 'GET', nobody, 404, 'MEETING_NOT_FOUND'],
    [ada, 'POST', 'no-id', 404, 'MEETING_NOT_FOUND'],
  ];
  for (const [who, method, where, status, code] of refused) {
    const answer = await ask(who, method, `/${where}/chat`, method === 'GET' ? undefined : { content: 'a' });
    assert.deepEqual([answer.status, answer.body['code']], [status, code], `${method} ${answer.text}`);
  }
  await get(bob, 'POST', `/${id}/join`, {});
  await get(bob, 'POST', `/${id}/leave`);
  assert.equal((await ask(bob, 'POST', `/${id}/chat`, { content: 'a' })).body['code'], 'PARTICIPANT_NOT_FOUND');
});

test('[meetings:error CHAT_DISABLED] [meetings:rule policy chat_permissions] a policy for the chat holds from the next message on', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, ask, get } = house;
  const id = await gathered(house);
  const says = async (who: SignedIn, more: Data = {}) =>
    (await ask(who, 'POST', `/${id}/chat`, { content: 'a', ...more })).body['code'] ?? 'said';
  const policy = (chat_permissions: string) => get(ada, 'POST', `/${id}/security/policy`, { chat_permissions });
  assert.equal(await says(bob), 'said');
  await policy('host');
  assert.deepEqual([await says(bob), await says(ada)], ['CHAT_DISABLED', 'said']);
  assert.equal(await says(bob, { recipient_id: idOf(carol) }), 'CHAT_DISABLED', 'privately neither');
  await policy('none');
  assert.deepEqual([await says(bob), await says(ada)], ['CHAT_DISABLED', 'CHAT_DISABLED']);
  await policy('all');
  assert.equal(await says(bob), 'said');
});

test('threat C-1: a private message is known to two people and nobody else: not live, not in the history, not after coming back', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, ask, get } = house;
  const id = await gathered(house);
  const sent = await get(bob, 'POST', `/${id}/chat`, { content: 'for carol', recipient_id: idOf(carol) });
  assert.equal(sent['is_private'], true);
  assert.equal(sent['recipient_id'], idOf(carol));
  await get(carol, 'POST', `/${id}/chat`, { content: 'for bob', recipient_id: bob.principal.id });
  await get(ada, 'POST', `/${id}/chat`, { content: 'for all' });
  const know = async () => {
    for (const who of [bob, carol]) {
      assert.deepEqual(await contents(house, who, id), ['for carol', 'for bob', 'for all']);
      assert.deepEqual(await chatHeard(house, who), ['for carol', 'for bob', 'for all']);
    }
    assert.deepEqual(await contents(house, ada, id), ['for all'], 'the host');
    assert.deepEqual(await contents(house, ada, id, '?offset=0&limit=200'), ['for all']);
    assert.deepEqual(await contents(house, ada, id, '?offset=201'), []);
    assert.deepEqual(await chatHeard(house, ada), ['for all']);
    assert.deepEqual(await chatHeard(house, dan), []);
  };
  await know();
  await get(ada, 'POST', `/${id}/leave`);
  await get(ada, 'POST', `/${id}/join`, {});
  await server.restart();
  await know();
  // Nobody but who is in the meeting now gets one.
  await get(carol, 'POST', `/${id}/leave`);
  for (const recipient_id of [carol.principal.id, dan.principal.id, nobody, 'nobody']) {
    const answer = await ask(bob, 'POST', `/${id}/chat`, { content: 'a', recipient_id });
    assert.deepEqual([answer.status, answer.body['code']], [404, 'PARTICIPANT_NOT_FOUND'], recipient_id);
  }
});

test('threat C-1: who waits reads nothing and is written nothing, and who was removed or is blocked reads no more', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, dan, ask, get, begin } = house;
  const id = await begin(ada, [bob, carol, dan], { policy: { require_waiting_room: true } });
  for (const who of [bob, carol]) assert.equal((await ask(who, 'POST', `/${id}/join`, {})).status, 202);
  await get(ada, 'POST', `/${id}/chat`, { content: 'inside' });
  const admit = { participant_user_id: bob.principal.id, is_in_waiting_room: false };
  await get(ada, 'PUT', `/${id}/participants/status`, admit);
  assert.deepEqual(await contents(house, bob, id), ['inside']);
  for (const who of [carol, dan]) {
    const read = await ask(who, 'GET', `/${id}/chat`);
    assert.deepEqual([read.status, read.body['code']], [404, 'PARTICIPANT_NOT_FOUND']);
    const written = await ask(who, 'POST', `/${id}/chat`, { content: 'let me in' });
    assert.deepEqual([written.status, written.body['code']], [404, 'PARTICIPANT_NOT_FOUND']);
    const to = await ask(ada, 'POST', `/${id}/chat`, { content: 'a', recipient_id: who.principal.id });
    assert.equal(to.body['code'], 'PARTICIPANT_NOT_FOUND');
    assert.deepEqual(await chatHeard(house, who), []);
  }
  await get(ada, 'POST', `/${id}/security/policy`, { blocked_users: [bob.principal.id] });
  const reads = async (who: SignedIn) => (await ask(who, 'GET', `/${id}/chat`)).body['code'] ?? 'all';
  assert.equal(await reads(bob), 'PARTICIPANT_NOT_FOUND', 'blocked');
  await get(carol, 'POST', `/${id}/leave`);
  assert.equal(await reads(carol), 'PARTICIPANT_NOT_FOUND', 'who has left the waiting room was never in');
  await ask(carol, 'POST', `/${id}/join`, {});
  await get(ada, 'POST', `/${id}/end`);
  for (const who of [bob, carol, dan]) assert.equal(await reads(who), 'PARTICIPANT_NOT_FOUND', 'after the end, too');
  assert.equal(await reads(ada), 'all');
});

test('whom somebody has blocked writes them nothing in private', async (t) => {
  const house = await openMeetings(t);
  const { server, bob, carol, ask } = house;
  const id = await gathered(house);
  await server.app.identity.block(carol.principal, bob.principal.id);
  const answer = await ask(bob, 'POST', `/${id}/chat`, { content: 'a', recipient_id: carol.principal.id });
  assert.deepEqual([answer.status, answer.body['code']], [403, 'INSUFFICIENT_PERMISSION']);
  assert.deepEqual(await chatHeard(house, carol), []);
});

test('threat C-2: what is written is kept and given back to the byte, whatever a browser would make of it', async (t) => {
  const house = await openMeetings(t);
  const { bob, carol, get } = house;
  const id = await gathered(house);
  const corpus = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '[click](javascript:alert(1))',
    '"><svg/onload=alert(1)>',
    "'; drop table meeting_chat; --",
    '{{constructor.constructor("return this")()}}',
    '&lt;b&gt; &amp;amp; %3Cscript%3E',
    '\u202etxt.exe\u2066 \u200b\ufeff',
    'line\r\nbreak\ttab \u001b[31mred',
    '__proto__',
    'e\u0301 is not é, 👩‍👩‍👧‍👦',
    '   spaces at both ends   ',
  ];
  for (const content of corpus) {
    assert.equal((await get(bob, 'POST', `/${id}/chat`, { content }))['content'], content);
  }
  assert.deepEqual(await contents(house, carol, id), corpus);
  assert.deepEqual(await chatHeard(house, carol), corpus);
});

test('[meetings:limit rate Chat Messages 60 per minute] reading and writing chat count together, sixty to a minute', async (t) => {
  const house = await openMeetings(t, { RATE_LIMIT_MEETING_CHAT: '60/60' });
  const { bob, carol, ask } = house;
  const id = await gathered(house);
  for (let turn = 0; turn < 30; turn += 1) {
    assert.equal((await ask(bob, 'POST', `/${id}/chat`, { content: 'a' })).status, 200);
    assert.equal((await ask(bob, 'GET', `/${id}/chat`)).status, 200);
  }
  const { status, body, headers } = await ask(bob, 'POST', `/${id}/chat`, { content: 'a' });
  assert.deepEqual([status, body['code']], [429, 'RATE_LIMIT_EXCEEDED']);
  assert.deepEqual([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')], ['60', '0']);
  assert.equal((await ask(carol, 'GET', `/${id}/chat`)).status, 200, 'each for themselves');
});
