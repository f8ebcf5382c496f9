export type Someone = Readonly<{ account: number; id: string }>;

/** An account that is online, was a moment ago, or has just changed. */
export type Standing = {
  who: Someone;
  connected: boolean;
  /** What the others are to believe. */
  said: boolean;
  /** What they were told last; behind `said` only while it waits for its turn. */
  told: boolean;
  /** When its last connection ended. */
  leftAt: number;
  /** There while nothing may be said of it; ends that without a word. */
  unrest: (() => void) | undefined;
  /** Whether it waits for a teller, or one is at it. */
  queued: boolean;
  /** How often whom it has blocked has changed: whoever read it meanwhile reads again. */
  blockChanges: number;
};

export const standingOf = (who: Someone, at: Pick<Standing, 'connected' | 'said' | 'leftAt'>): Standing => ({
  who,
  ...at,
  told: at.said,
  unrest: undefined,
  queued: false,
  blockChanges: 0,
});
