import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import test from 'node:test';
import * as ws from 'ws';
import { joinFrames, textFrame } from './frame.ts';

/** The reading half of `ws`; its types leave it out. */
const Receiver: new (options: object) => Writable = Reflect.get(ws, 'Receiver');

/** What a client reads from these bytes. */
async function read(bytes: Buffer, count: number): Promise<string[]> {
  const receiver = new Receiver({ isServer: false, maxPayload: 0 });
  const texts: string[] = [];
  const done = new Promise<void>((resolve) =>
    receiver.on('message', (data: Buffer) => {
      if (texts.push(data.toString()) === count) resolve();
    }),
  );
  receiver.write(bytes);
  await Promise.race([done, once(receiver, 'error').then(([error]) => Promise.reject(error))]);
  return texts;
}

test('a frame is read as the text it was made of, at every length of its header', async () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]) {
    const text = 'x'.repeat(length);
    assert.deepEqual(await read(textFrame(text), 1), [text], String(length));
  }
});

test('the length is that of the bytes, not of the letters', async () => {
  for (const text of ['é'.repeat(63), '🚀'.repeat(32), 'é'.repeat(32_768)])
    assert.deepEqual(await read(textFrame(text), 1), [text]);
});

test('frames behind each other stay apart', async () => {
  const texts = ['one', '', 'é'.repeat(100), 'four'];
  assert.deepEqual(await read(Buffer.concat(texts.map(textFrame)), 4), texts);
});

test('texts and ready frames are joined in order, each text behind its prefix', async () => {
  for (const length of [0, 124, 125, 126, 65_534, 65_535, 65_536]) {
    const text = 'x'.repeat(length);
    const joined = joinFrames([text, textFrame('ready'), 'é', textFrame('é'.repeat(200))], '4');
    assert.deepEqual(await read(joined, 4), [`4${text}`, 'ready', '4é', 'é'.repeat(200)], String(length));
  }
});
