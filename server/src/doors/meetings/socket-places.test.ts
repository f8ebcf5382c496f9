import assert from 'node:assert/strict';
import test from 'node:test';
import type { Row } from '../../infra/log/log.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { newIdText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { type ChatSent, meetingEvents, type ParticipantChanged, type Standing } from '../../modules/meetings/index.ts';
import { MeetingSockets } from './socket.ts';

const never = (): never => assert.fail('not asked for');
const person = (account: number): Principal => ({
  account,
  id: newIdText(),
  session: account,
  sessionId: newIdText(),
  role: 'GUEST',
  until: Date.now() + 60_000,
});

/** Sockets whose meetings everybody may be at. */
function open(refuse = false): { sockets: MeetingSockets; failures: unknown[] } {
  const failures: unknown[] = [];
  const ofListener = async (_who: Principal, id: string): Promise<Standing> => {
    if (refuse) throw new Refusal(commonErrors.NOT_FOUND);
    return { meeting: 1, id, status: 'in_progress', own: 'joined', room: null, isHost: false };
  };
  const sockets = new MeetingSockets({
    identity: { authenticate: never },
    standings: { ofListener },
    attendance: { join: never, leave: never, changeStatus: never },
    chat: { send: never },
    reactions: { show: never },
    limits: { category: never, refused: never, take: never, message: never, messageWindow: 60 },
    onFailure: (error) => void failures.push(error),
  });
  return { sockets, failures };
}

const rowOf = (type: string, body: object): Row => ({
  seq: 7,
  topic: 10,
  peer: null,
  type,
  body,
  moves: null,
  size: 1,
  at: 1,
});

test('the connections of a meeting share one set of words, as long as there are any', async () => {
  const { sockets } = open();
  const [one, other] = [newIdText(), newIdText()];
  const [ada, bob] = [person(1), person(2)];
  const first = await sockets.seat(ada, { id: one });
  const second = await sockets.seat(bob, { id: one.toUpperCase() });
  const elsewhere = await sockets.seat(ada, { id: other });
  assert.equal(first.door, second.door);
  assert.notEqual(first.door.words, elsewhere.door.words);
  assert.equal(sockets.places, 2);
  for (const seat of [first, second, elsewhere]) seat.left(undefined);
  assert.equal(sockets.places, 0);
  const { sockets: closed } = open(true);
  await assert.rejects(closed.seat(ada, { id: one }));
  await assert.rejects(closed.seat(ada, {}));
  assert.equal(closed.places, 0);
});

test('a row is one event for all who read it, whoever has done it themselves has none, and other meetings have no word', async () => {
  const { sockets } = open();
  const [meetingId, other] = [newIdText(), newIdText()];
  const [ada, bob, carol] = [person(1), person(2), person(3)];
  const seats = await Promise.all([ada, bob, carol].map((who) => sockets.seat(who, { id: meetingId })));
  const words = seats[0]?.door.words;
  assert.ok(words !== undefined);
  const readers = [ada, bob, carol].map(({ account, session }) => ({ account, session }));
  const flags = {
    role: 'attendee',
    isMuted: true,
    isVideoEnabled: false,
    isScreenSharing: false,
    isHandRaised: false,
  } as const;
  const changed: ParticipantChanged = { meetingId, userId: bob.id, byId: bob.id, ...flags, handChanged: true, at: 1 };
  const eventsOf = (body: object, type: string) => {
    const forms = words.row(rowOf(type, body), 'epoch.7');
    return forms === null ? null : readers.map((reader) => forms(reader));
  };
  const own = eventsOf(changed, meetingEvents.participant);
  assert.ok(own !== null && own[0] !== null);
  assert.deepEqual([own[0] === own[2], own[1]], [true, null]);
  const byHost = eventsOf({ ...changed, byId: ada.id }, meetingEvents.participant);
  assert.equal(new Set(byHost).size, 1);
  const chat: ChatSent = {
    meetingId,
    id: newIdText(),
    senderId: bob.id,
    senderName: 'bob',
    recipientId: null,
    roomId: null,
    content: 'hello',
    type: 'text',
    file: null,
    at: 1,
  };
  assert.equal(new Set(eventsOf(chat, meetingEvents.chat)).size, 1);
  assert.equal(eventsOf({ ...chat, meetingId: other }, meetingEvents.chat), null);
  assert.equal(eventsOf(chat, 'message'), null);
  assert.equal(words.row({ ...rowOf(meetingEvents.chat, {}), body: null }, 'epoch.7'), null);
});

test('what is no refusal is told to nobody outside, and written down', () => {
  const { sockets, failures } = open();
  const { status, body } = sockets.refused(new Error('the canary of an inner error'));
  assert.equal(status, 500);
  assert.doesNotMatch(JSON.stringify(body), /canary/);
  assert.equal(failures.length, 1);
});
