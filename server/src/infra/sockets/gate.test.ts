import assert from 'node:assert/strict';
import test from 'node:test';
import { type EngineConnection, SocketGate } from './gate.ts';

/** An Engine.IO connection as far as the gate uses one; `written` is what each flush took. */
function connection({ name = 'websocket', writable = true } = {}) {
  const written: EngineConnection['writeBuffer'][] = [];
  const made: EngineConnection & { written: typeof written; say(text: string): void } = {
    written,
    writeBuffer: [],
    transport: { name, writable },
    flush() {
      if (this.writeBuffer.length === 0) return;
      written.push(this.writeBuffer);
      this.writeBuffer = [];
    },
    say(text) {
      this.writeBuffer.push({ type: 'message', data: text });
      this.flush?.();
    },
  };
  return made;
}

const unexpected = (error: unknown): void => assert.fail(String(error));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what is written in one turn while the gate is held leaves in one flush at its end, in order', async () => {
  const gate = new SocketGate(unexpected);
  const [one, two] = [connection(), connection()];
  gate.attach(one);
  gate.attach(two);
  gate.hold();
  one.say('a');
  two.say('b');
  one.say('c');
  // What continues from the commit in the same turn belongs to it.
  await Promise.resolve().then(() => one.say('d'));
  assert.deepEqual([one.written.length, two.written.length], [0, 0]);
  await turn();
  assert.deepEqual([one.written.length, two.written.length], [1, 1]);
  const bytes = one.written[0]?.[0]?.options?.wsPreEncodedFrame?.[0];
  assert.equal(bytes?.toString('latin1'), '\x81\x024a\x81\x024c\x81\x024d');
});

test('while it is not held every write leaves at once', async () => {
  const gate = new SocketGate(unexpected);
  const one = connection();
  gate.attach(one);
  one.say('a');
  assert.equal(one.written.length, 1);
  gate.hold();
  await turn();
  one.say('b');
  assert.equal(one.written.length, 2);
});

test('packets that are no text messages, and other transports, stay as they are', async () => {
  const gate = new SocketGate(unexpected);
  const [mixed, polling, busy] = [connection(), connection({ name: 'polling' }), connection({ writable: false })];
  for (const one of [mixed, polling, busy]) gate.attach(one);
  gate.hold();
  mixed.say('a');
  mixed.writeBuffer.push({ type: 'pong', data: 'probe' });
  mixed.say('b');
  polling.say('a');
  polling.say('b');
  busy.say('a');
  busy.say('b');
  await turn();
  assert.deepEqual(
    mixed.written[0]?.map(({ type, data }) => [type, data]),
    [
      ['message', 'a'],
      ['pong', 'probe'],
      ['message', 'b'],
    ],
  );
  assert.deepEqual(
    polling.written[0]?.map(({ data }) => data),
    ['a', 'b'],
  );
  assert.deepEqual(
    busy.written[0]?.map(({ data }) => data),
    ['a', 'b'],
  );
});

test('a connection without `flush` is not held, and nothing breaks', async () => {
  const gate = new SocketGate(unexpected);
  const made: EngineConnection = { writeBuffer: [], transport: { name: 'websocket', writable: true } };
  gate.attach(made);
  gate.hold();
  await turn();
  assert.equal(made.flush, undefined);
});

test('a plain stream is corked once while the gate is held, and uncorked at its end', async () => {
  const gate = new SocketGate(unexpected);
  const calls: string[] = [];
  const stream = { cork: () => void calls.push('cork'), uncork: () => void calls.push('uncork') };
  gate.touch(stream);
  gate.touch(undefined);
  assert.deepEqual(calls, []);
  gate.hold();
  gate.touch(stream);
  gate.touch(stream);
  assert.deepEqual(calls, ['cork']);
  await turn();
  assert.deepEqual(calls, ['cork', 'uncork']);
});

test('a connection that cannot be written to is ended, and the others get theirs', async () => {
  const failures: unknown[] = [];
  const gate = new SocketGate((error) => failures.push(error));
  const [broken, sound] = [connection(), connection()];
  broken.flush = () => {
    throw new Error('broken');
  };
  let ended = false;
  broken.close = () => {
    ended = true;
  };
  gate.attach(broken);
  gate.attach(sound);
  gate.hold();
  const cut: string[] = [];
  gate.keep({
    release: () => {
      throw new Error('nothing to release');
    },
    cut: (reason) => cut.push(reason),
  });
  broken.say('a');
  sound.say('b');
  await turn();
  assert.deepEqual([sound.written.length, ended, cut.length], [1, true, 1]);
  assert.deepEqual(failures.map(String), ['Error: nothing to release', 'Error: broken']);
});
