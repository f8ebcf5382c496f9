import ical, { ICalEventStatus } from 'ical-generator';
import { Refusal } from '../../kernel/errors.ts';
import { meetingErrors } from './errors.ts';
import type { Meeting } from './schema.ts';

// Characters that no line of a calendar may hold, whatever stands before them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;
const plain = (text: string): string => text.replaceAll(forbidden, '');

/**
 * A meeting as a file that calendars read (RFC 5545). Its times are moments of UTC, which are right in every zone, and its
 * uid stays the same: who takes a newer file in has the meeting once. It names nobody: calendars know people by their
 * email, which is nobody else's business here. Refuses NOT_IN_CALENDAR.
 */
export function calendarOf(meeting: Meeting): string {
  const { id, title, description, status, createdAt, updatedAt, durationMinutes } = meeting;
  const start = meeting.scheduledAt ?? meeting.startedAt;
  if (start === null) throw new Refusal(meetingErrors.NOT_IN_CALENDAR);
  const calendar = ical({ prodId: { company: 'Rendezvous', product: 'Meetings', language: 'EN' } });
  calendar.createEvent({
    id,
    // Grows with every change, as calendars need it.
    sequence: Math.floor((updatedAt - createdAt) / 1_000),
    stamp: new Date(updatedAt),
    created: new Date(createdAt),
    lastModified: new Date(updatedAt),
    start: new Date(start),
    end: durationMinutes === null ? null : new Date(start + durationMinutes * 60_000),
    summary: plain(title),
    description: description === null ? null : plain(description),
    status: status === 'cancelled' ? ICalEventStatus.CANCELLED : ICalEventStatus.CONFIRMED,
  });
  return `${calendar.toString()}\r\n`;
}
