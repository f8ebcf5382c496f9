import { type Last, WireEvent } from '../../infra/delivery/wire-event.ts';
import type { Row } from '../../infra/log/log.ts';
import { type Codec, readObject } from '../../infra/sockets/codec.ts';
import { anyIdBytes, ulidOf, ulidText } from '../../kernel/ulid.ts';
import { isoSeconds } from './times.ts';

/** Whom an event is about, and when that was. */
export type About = Readonly<{ userId: string | null; at: number }>;

/** An event of a meeting. Of two that one row becomes, `first` goes in front: the offset belongs to both together. */
export class MeetingEvent extends WireEvent {
  readonly about: About;
  readonly first: MeetingEvent | undefined;

  constructor(
    event: string,
    data: object,
    { offset = null, last, first, ...about }: About & { offset?: string | null; last?: Last; first?: MeetingEvent },
  ) {
    super(event, JSON.stringify(data), offset, last);
    this.about = about;
    this.first = first;
  }
}

/** A client said something about another meeting than the one that its connection is of. */
export const otherMeeting = Symbol('another meeting');

/**
 * `{type, meeting_id, user_id, data, timestamp}` both ways, and behind it the `offset` of what comes from the log. Of what a
 * client sends type and data count; the meeting must be this one, where it is said, and who speaks and when is ours to say.
 * `meetingId`, `userId`: UUIDs, of the meeting and of whoever is connected.
 */
export function frameCodec(meetingId: string, userId: string): Codec {
  const meeting = ulidOf(meetingId);
  const own = ulidOf(userId);
  const write = (event: WireEvent): string => {
    const { about } = event instanceof MeetingEvent ? event : { about: undefined };
    const who = about === undefined ? own : about.userId === null ? null : ulidOf(about.userId);
    const user = who === null ? 'null' : `"${who}"`;
    const at = isoSeconds(about?.at ?? Date.now());
    const offset = event.offset === null ? '' : `,"offset":"${event.offset}"`;
    return `{"type":"${event.event}","meeting_id":"${meeting}","user_id":${user},"data":${event.json},"timestamp":"${at}"${offset}}`;
  };
  return {
    read(data) {
      const { type, meeting_id = null, data: input = {} } = readObject(data) ?? {};
      const isOurs = meeting_id === null || (typeof meeting_id === 'string' && isSpelling(meeting_id, meeting));
      return { event: type, input: isOurs ? input : otherMeeting, bytes: data.length, answer: undefined };
    },
    write: (event) =>
      event instanceof MeetingEvent && event.first !== undefined ? [write(event.first), write(event)] : write(event),
  };
}

/** Whether this is the id, in either spelling. */
function isSpelling(text: string, ulid: string): boolean {
  const bytes = anyIdBytes(text);
  return bytes !== undefined && ulidText(bytes) === ulid;
}

/** The meeting that a row or a signal is of, by its public id. */
export function meetingOf(body: Row['body']): string | undefined {
  if (typeof body !== 'object' || body === null || !('meetingId' in body)) return undefined;
  return String(body.meetingId);
}
