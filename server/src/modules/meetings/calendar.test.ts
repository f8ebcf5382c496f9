import assert from 'node:assert/strict';
import test from 'node:test';
import ICAL from 'ical.js';
import { codeOf } from '../../../test/support/identity.ts';
import { calendarOf } from './calendar.ts';
import type { Meeting } from './schema.ts';

const meeting: Meeting = {
  id: '01a1f882-7bfe-71a4-985d-bffc948debe8',
  title: 'Weekly',
  description: null,
  creatorId: '',
  hostId: '',
  status: 'scheduled',
  scheduledAt: Date.UTC(2026, 11, 1, 9),
  timeZone: 'Europe/Berlin',
  durationMinutes: 90,
  startedAt: null,
  startedById: null,
  endedAt: null,
  endedById: null,
  attendance: 0,
  present: 0,
  isRecording: false,
  createdAt: Date.UTC(2026, 10, 20),
  updatedAt: Date.UTC(2026, 10, 21),
};

function eventIn(file: string) {
  const calendar = new ICAL.Component(ICAL.parse(file));
  const [component, ...others] = calendar.getAllSubcomponents();
  assert.ok(component);
  assert.deepEqual([component.name, others.length], ['vevent', 0]);
  const event = new ICAL.Event(component);
  const value = (name: string): string => String(component.getFirstPropertyValue(name));
  return { calendar, event, value };
}

test('a calendar reads when and what it is', () => {
  const { calendar, event, value } = eventIn(calendarOf({ ...meeting, description: 'one\ntwo' }));
  assert.equal(calendar.getFirstPropertyValue('version'), '2.0');
  assert.deepEqual([event.uid, event.summary, event.description], [meeting.id, 'Weekly', 'one\ntwo']);
  assert.deepEqual(
    [event.startDate, event.endDate].map((time) => time.toJSDate().toISOString()),
    ['2026-12-01T09:00:00.000Z', '2026-12-01T10:30:00.000Z'],
  );
  assert.deepEqual([value('status'), value('sequence')], ['CONFIRMED', String(24 * 3_600)]);
  assert.equal(value('dtstamp'), '2026-11-21T00:00:00Z');
});

test('one that was cancelled is marked so, under the same uid and a higher number', () => {
  const [before, after] = [
    meeting,
    { ...meeting, status: 'cancelled' as const, updatedAt: meeting.updatedAt + 5_000 },
  ].map((one) => eventIn(calendarOf(one)));
  assert.equal(after?.value('status'), 'CANCELLED');
  assert.equal(after?.event.uid, before?.event.uid);
  assert.ok(Number(after?.value('sequence')) > Number(before?.value('sequence')));
});

test('whatever a title or a description says, it is text of one event', () => {
  for (const text of [
    'a;b,c\\d "e": é 🚀',
    'x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:another',
    'y\nATTACH:file:///etc/passwd',
    '🚀é'.repeat(100),
    'bell\u0007 and nul\u0000',
  ]) {
    const file = calendarOf({ ...meeting, title: text, description: text });
    const { event, calendar } = eventIn(file);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what no calendar may hold
    const readable = text.replaceAll('\r\n', '\n').replaceAll(/[\u0000\u0007]/g, '');
    assert.deepEqual([event.summary, event.description], [readable, readable]);
    assert.equal(calendar.getAllSubcomponents().length, 1);
    for (const line of file.split('\r\n')) assert.ok(Buffer.byteLength(line) <= 75 && !line.includes('\n'), line);
    assert.ok(file.endsWith('END:VCALENDAR\r\n'));
  }
});

test('without a time there is no place in a calendar; one that began has its time', async () => {
  const untimed: Meeting = { ...meeting, scheduledAt: null, durationMinutes: null };
  assert.equal(await codeOf((async () => calendarOf(untimed))()), 'NOT_IN_CALENDAR');
  const { event, value } = eventIn(calendarOf({ ...untimed, startedAt: Date.UTC(2026, 10, 20, 12, 0, 1) }));
  assert.equal(event.startDate.toJSDate().toISOString(), '2026-11-20T12:00:01.000Z');
  assert.equal(value('dtend'), 'null');
});
