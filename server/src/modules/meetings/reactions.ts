import { type Static, Type } from 'typebox';
import type { Signal } from '../../infra/delivery/signal.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { meetingErrors } from './errors.ts';
import { meetingSignals, type ReactionShown } from './events.ts';
import { roomTopic } from './rooms.ts';
import type { Standings } from './standing.ts';
import { mustBeActive } from './store.ts';

/** `duration`: seconds for which it is shown; 3 unless said. */
export const reactionDraft = Type.Object(
  {
    reaction_type: Type.String({ pattern: '^[a-z_]{1,32}$', 'x-fault': 'must be 1 to 32 of the letters a to z and _' }),
    duration: Type.Optional(Type.Union([Type.Integer({ minimum: 1, maximum: 10 }), Type.Null()])),
  },
  { examples: [{ reaction_type: 'thumbs_up', duration: 3 }] },
);
export type ReactionDraft = Static<typeof reactionDraft>;

const shownFor = 3;

export type MeetingReactionsOptions = Readonly<{
  standings: Standings;
  clock: Clock;
  signal: (signal: Signal) => void;
}>;

/** A thumb up for a moment: it goes to who is there now, and nothing of it is kept. */
export class MeetingReactions {
  readonly #options: MeetingReactionsOptions;

  constructor(options: MeetingReactionsOptions) {
    this.#options = options;
  }

  /** To everybody else in the meeting, or in the breakout room. Refuses: MEETING_NOT_FOUND, ENDED, CANCELLED, NOT_ACTIVE, PARTICIPANT_NOT_FOUND. */
  async show(principal: Principal, id: string, { reaction_type, duration }: ReactionDraft): Promise<void> {
    const { standings, clock, signal } = this.#options;
    const { meeting, id: meetingId, status, own, room } = await standings.of(principal, id);
    mustBeActive({ meeting: { status } });
    if (own !== 'joined') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
    const body: ReactionShown = {
      meetingId,
      userId: principal.id,
      type: reaction_type,
      duration: duration ?? shownFor,
      at: clock.now(),
    };
    const topic = room === null ? topicOf('meeting', meeting) : roomTopic(room);
    signal({ topics: [topic], type: meetingSignals.reaction, body, except: [principal.account] });
  }
}
