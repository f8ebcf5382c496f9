import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeJwt } from 'jose';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { field } from '../support/clients.ts';
import { startServer } from '../support/server.ts';
import { everyWay } from './ways.ts';

type Actor = 'caller' | 'joined' | 'called' | 'stranger' | 'former';
const events = ['call:answer', 'call:participant:leave', 'call:reject', 'call:end'] as const;
/**
 * What each hears of each event in that order, on a call that goes on and on one that is over. Who was in it has left by
 * being put out of its group, and to leave once more is as once.
 */
const expected: Readonly<Record<'ONGOING' | 'ENDED', Readonly<Record<Actor, string>>>> = {
  ONGOING: {
    caller: 'done done FORBIDDEN done',
    joined: 'done done FORBIDDEN FORBIDDEN',
    called: 'done FORBIDDEN done FORBIDDEN',
    stranger: 'FORBIDDEN FORBIDDEN FORBIDDEN FORBIDDEN',
    former: 'FORBIDDEN done FORBIDDEN FORBIDDEN',
  },
  ENDED: {
    caller: 'NOT_FOUND done FORBIDDEN done',
    joined: 'NOT_FOUND done NOT_FOUND FORBIDDEN',
    called: 'NOT_FOUND FORBIDDEN NOT_FOUND FORBIDDEN',
    stranger: 'FORBIDDEN FORBIDDEN FORBIDDEN FORBIDDEN',
    former: 'FORBIDDEN done FORBIDDEN FORBIDDEN',
  },
};

test('threat S-4: five actors and four acts on a call that goes on and one that is over, over every transport', async (t) => {
  const server = await startServer(t);
  const [caller, joined, called, stranger, former] = await server.people(5);
  assert.ok(caller && joined && called && stranger && former);
  const people: Record<Actor, SignedIn> = { caller, joined, called, stranger, former };
  const group = await server.group(caller, joined, called);
  const ask = async (who: SignedIn, path: string, body?: object) => {
    const answer = await server.call('POST', `/api/v1/${path}`, { token: who.accessToken, ...(body ? { body } : {}) });
    assert.ok(answer.status < 300, `${path}: ${answer.text}`);
    return answer.body['data'];
  };
  const members = `groups/${group}/members`;
  const start = async (state: 'ONGOING' | 'ENDED'): Promise<string> => {
    await ask(caller, members, { userId: former.principal.id });
    const id = String(field(field(await ask(caller, 'calls', { type: 'AUDIO', groupId: group }), 'call'), 'id'));
    await ask(former, `calls/${id}/join`);
    await ask(joined, `calls/${id}/join`);
    await server.call('DELETE', `/api/v1/${members}/${former.principal.id}`, { token: caller.accessToken });
    if (state === 'ENDED') await ask(caller, `calls/${id}/end`);
    return id;
  };
  const codeOf = (reply: unknown) => (field(reply, 'success') === true ? 'done' : String(field(reply, 'code')));
  for (const [name, who] of Object.entries(people)) {
    for (const way of await everyWay(t, server, who)) {
      for (const state of ['ONGOING', 'ENDED'] as const) {
        const codes: string[] = [];
        for (const event of events)
          codes.push(codeOf(await way.ask(event, { callId: await start(state), by: caller.principal.id })));
        assert.equal(codes.join(' '), expected[state][name as Actor], `${state}: ${name} over ${way.name}`);
      }
    }
  }
});

const jitsi = {
  JITSI_DOMAIN: 'meet.example.org',
  JITSI_APP_ID: 'our_app',
  JITSI_APP_SECRET: 'Calls are signed with these forty-six letters',
};

test('threat L-1: whatever is asked for, the way in names who asks, one room, and moderates for who began alone', async (t) => {
  const server = await startServer(t, jitsi);
  const [ada, bob, eve] = await server.people(3);
  assert.ok(ada && bob && eve);
  const wishes = {
    ...{ identity: ada.principal.id, userId: ada.principal.id, sub: '*', room: '*', roomId: '*', roomName: '.*' },
    ...{ moderator: true, roomAdmin: true, role: 'ADMIN', affiliation: 'owner', exp: 9_999_999_999, ttl: 1e9 },
    context: { user: { id: ada.principal.id, moderator: true }, features: { recording: true } },
  };
  const ask = (who: SignedIn, path: string, body: object) =>
    server.call('POST', `/api/v1/calls${path}`, { token: who.accessToken, body });
  const begun = await ask(ada, '', {
    type: 'VIDEO',
    participantIds: [bob.principal.id],
    ...wishes,
    identity: bob.principal.id,
  });
  assert.equal(begun.status, 201, begun.text);
  const shown = field(begun.body['data'], 'call');
  const [callId, room] = [String(field(shown, 'id')), field(shown, 'roomId')];
  assert.match(String(room), /^[0-9a-f]{32}$/);
  const overRest = await ask(bob, `/${callId}/join`, wishes);
  assert.equal(overRest.status, 200, overRest.text);
  const replies = [overRest.body['data']];
  for (const way of await everyWay(t, server, bob)) {
    const reply = await way.ask('call:answer', { callId, ...wishes });
    assert.equal(field(reply, 'success'), true, way.name);
    replies.push(field(reply, 'data'));
  }
  for (const [who, given] of [[ada, begun.body['data']] as const, ...replies.map((reply) => [bob, reply] as const)]) {
    const claims = decodeJwt(String(field(given, 'token')));
    assert.deepEqual(Object.keys(claims).sort(), ['aud', 'context', 'exp', 'iat', 'iss', 'room', 'sub']);
    assert.deepEqual([claims['room'], claims.sub], [room, 'meet.example.org']);
    assert.equal(Number(claims.exp) - Number(claims.iat), 7_200, 'as the contract says');
    assert.deepEqual(Object.keys(Object(claims['context'])), ['user']);
    const user = field(claims['context'], 'user');
    assert.deepEqual([field(user, 'id'), field(user, 'moderator')], [who.principal.id, who === ada]);
  }
  for (const way of await everyWay(t, server, eve)) {
    const reply = await way.ask('call:answer', { callId, ...wishes });
    assert.deepEqual([field(reply, 'code'), JSON.stringify(reply).includes('eyJ')], ['FORBIDDEN', false], way.name);
  }
});
