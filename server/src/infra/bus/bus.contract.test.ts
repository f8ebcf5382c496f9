import assert from 'node:assert/strict';
import test from 'node:test';
import { row } from '../../../test/support/feeds.ts';
import { MemoryBus } from './bus.memory.ts';
import type { Bus } from './bus.ts';

const buses: readonly (readonly [name: string, open: () => Promise<Bus>])[] = [['memory', async () => new MemoryBus()]];

for (const [name, open] of buses) {
  test(`${name}: what is announced reaches every listener of this node before announce returns, in order`, async () => {
    const bus = await open();
    const heard: string[] = [];
    bus.onAnnounced((rows) => void heard.push(`a ${rows.map(({ seq }) => seq).join()}`));
    bus.onAnnounced((rows) => void heard.push(`b ${rows.map(({ seq }) => seq).join()}`));
    bus.announce([row(1, 8), row(2, 8)]);
    assert.deepEqual(heard, ['a 1,2', 'b 1,2']);
    bus.announce([row(3, 8)]);
    assert.deepEqual(heard.slice(2), ['a 3', 'b 3']);
    await bus.close();
  });

  test(`${name}: who has stopped listening hears nothing more, the others do`, async () => {
    const bus = await open();
    const heard: string[] = [];
    const stop = bus.onAnnounced(() => void heard.push('a'));
    bus.onAnnounced(() => void heard.push('b'));
    stop();
    stop();
    bus.announce([row(1, 8)]);
    assert.deepEqual(heard, ['b']);
    await bus.close();
    bus.announce([row(2, 8)]);
    assert.deepEqual(heard, ['b']);
  });

  test(`${name}: a signal reaches every listener of signals, and none of announcements`, async () => {
    const bus = await open();
    const heard: string[] = [];
    bus.onAnnounced(() => void heard.push('announced'));
    const stop = bus.onSignal(({ type, topics }) => void heard.push(`${type} ${topics.join()}`));
    bus.signal({ topics: [8, 17], type: 'typing', body: {} });
    stop();
    bus.signal({ topics: [8], type: 'typing', body: {} });
    assert.deepEqual(heard, ['typing 8,17']);
    await bus.close();
  });

  test(`${name}: an announcement that nobody hears is lost without harm`, async () => {
    const bus = await open();
    bus.announce([row(1, 8)]);
    await bus.close();
  });
}
