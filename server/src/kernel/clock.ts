/** Where time comes from. Order never does: that is `seq`. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC; may step. */
  now(): number;
}

export const systemClock: Clock = { now: Date.now };

export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString();
