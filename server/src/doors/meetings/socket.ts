import type { Words } from '../../infra/delivery/wire-event.ts';
import { failureOf } from '../../infra/http/failure.ts';
import type { Row } from '../../infra/log/log.ts';
import type { Conversing } from '../../infra/sockets/converse.ts';
import type { Places, Seat } from '../../infra/sockets/placed.ts';
import type { EventHandler, SocketDoor, WireError } from '../../infra/sockets/sockets.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import type { Identity } from '../../modules/identity/index.ts';
import { meetingErrors, type Standings } from '../../modules/meetings/index.ts';
import { meetingCloses } from './closes.ts';
import { codeOf, meetingsEnvelope, messageOf } from './envelope.ts';
import { frameCodec, meetingOf } from './frames.ts';
import { eventOutside, meetingWords } from './meetings.words.ts';
import { MessageRate } from './message-rate.ts';
import {
  type MeetingEventHandler,
  meetingSocketEvents,
  ofThisMeeting,
  type SocketEventNeeds,
} from './socket.events.ts';

export type MeetingSocketNeeds = SocketEventNeeds &
  Readonly<{
    identity: Pick<Identity, 'authenticate'>;
    standings: Pick<Standings, 'ofListener'>;
    /** What is no refusal: a mistake of ours, which the client is not told. */
    onFailure: (error: unknown) => void;
  }>;

/** The connections of one meeting. */
type Place = {
  readonly door: SocketDoor;
  /** Who has a seat, by public id, and how many. */
  readonly people: Map<string, { account: number; seats: number }>;
  readonly here: Set<Conversing>;
  isOver: boolean;
};

/** The meetings door on WebSockets: one connection is of one meeting. */
export class MeetingSockets implements Places {
  readonly #needs: MeetingSocketNeeds;
  readonly #events: ReadonlyMap<string, MeetingEventHandler>;
  /** By public id, as long as somebody is connected: what they hear is put into words once for all of them. */
  readonly #places = new Map<string, Place>();

  constructor(needs: MeetingSocketNeeds) {
    this.#needs = needs;
    this.#events = meetingSocketEvents(needs);
  }

  /** What clients may say. */
  get events(): string[] {
    return [...this.#events.keys()];
  }

  /** Meetings that somebody here is connected to. */
  get places(): number {
    return this.#places.size;
  }

  authenticate(token: string): Promise<Principal> {
    return this.#needs.identity.authenticate(token);
  }

  /**
   * Whoever waits hears from now on and nothing of before. Of a meeting that is over one hears what one missed, and is
   * closed. Refuses MEETING_NOT_FOUND, REMOVED.
   */
  async seat(principal: Principal, { id = '' }: Readonly<Record<string, string>>): Promise<Seat> {
    const bytes = anyIdBytes(id);
    if (bytes === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    const meetingId = idText(bytes);
    // Before the look: an end between the two is noted here.
    const { place, left } = this.#take(meetingId, principal);
    try {
      const { status, own, isHost } = await this.#needs.standings.ofListener(principal, meetingId);
      if (status === 'ended' || status === 'cancelled') place.isOver = true;
      return {
        door: place.door,
        codec: frameCodec(meetingId, principal.id),
        fromNow: own === 'waiting' && !isHost,
        opened: (conversing) => void place.here.add(conversing),
        caughtUp: (conversing) => {
          if (place.isOver) closeAsOver(conversing);
        },
        left: (conversing) => {
          if (conversing !== undefined) place.here.delete(conversing);
          left();
        },
      };
    } catch (error) {
      left();
      throw error;
    }
  }

  refused(error: unknown): Readonly<{ status: number; body: unknown }> {
    this.#note(error);
    return meetingsEnvelope(failureOf(error));
  }

  /**
   * The row with which a meeting begins or is over, before its readers have it. Whoever is connected and does not read it,
   * because they wait or have not come in, hears of it all the same. An end closes all connections behind it.
   */
  note(row: Row): void {
    const { topic, seq, body } = row;
    const place = this.#places.get(meetingOf(body) ?? '');
    const event = eventOutside(row);
    if (place === undefined || event === undefined) return;
    const isEnd = event.last !== undefined;
    if (isEnd) place.isOver = true;
    for (const { connection } of [...place.here]) {
      const { feed } = connection;
      if (feed.topicsAt(seq).includes(topic)) continue;
      if (feed.live) feed.outlet.send(event);
      // What it reads may not be known yet: it comes back, and hears it.
      else if (isEnd) feed.cut('The meeting is over');
    }
  }

  #take(meetingId: string, { id, account }: Principal): { place: Place; left: () => void } {
    const place = this.#places.get(meetingId) ?? this.#open(meetingId);
    const person = place.people.get(id) ?? { account, seats: 0 };
    place.people.set(id, person);
    person.seats += 1;
    const left = (): void => {
      person.seats -= 1;
      if (person.seats === 0) place.people.delete(id);
      if (place.people.size === 0) this.#places.delete(meetingId);
    };
    return { place, left };
  }

  #open(meetingId: string): Place {
    const people: Place['people'] = new Map();
    const words = meetingWords(meetingId, (userId) => people.get(userId)?.account);
    const place: Place = { door: this.#doorOf(meetingId, words), people, here: new Set(), isOver: false };
    this.#places.set(meetingId, place);
    return place;
  }

  #doorOf(meetingId: string, words: Words): SocketDoor {
    const { limits, identity } = this.#needs;
    const events = [...this.#events].map(([name, act]): [string, EventHandler] => [
      name,
      async (connection, input) => {
        await act(meetingId, connection, ofThisMeeting(input));
        return () => null;
      },
    ]);
    const errorOf = (error: unknown): WireError => this.#errorOf(error);
    return {
      events: new Map(events),
      words,
      greeting: {
        connected: ({ recovered }) => ['connected', { recovered }],
        resync: (missed) => ['resync', { missed }],
        refused: (refusal) => ['error', inDocument(errorOf(refusal))],
        unauthenticated: ['error', { code: 'UNAUTHORIZED', message: 'Authentication failed' }],
      },
      authenticate: (token, options) => identity.authenticate(token, options),
      errorOf,
      complaint: inDocument,
      rate: (who, onFlood) =>
        new MessageRate({ take: () => limits.message(who), seconds: limits.messageWindow, onFlood }),
      inOrder: true,
      sessionEnded: meetingCloses.SESSION_ENDED.code,
      partial: true,
    };
  }

  #errorOf(error: unknown): WireError {
    this.#note(error);
    const failure = failureOf(error);
    return { message: messageOf(failure), code: codeOf(failure) };
  }

  #note(error: unknown): void {
    if (!(error instanceof Refusal)) this.#needs.onFailure(error);
  }
}

const inDocument = ({ code, message }: WireError): WireError => ({ code, message });

const closeAsOver = ({ end }: Conversing): void => end(meetingCloses.ENDED.code, meetingCloses.ENDED.reason);
