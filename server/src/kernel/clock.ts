/** Where time comes from. Order never does: that is `seq`. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC; may step. */
  now(): number;
}

/** Runs `act` once after so many milliseconds, unless what it answers is called before. Keeps no process alive. */
export type Later = (act: () => void, milliseconds: number) => () => void;

export const later: Later = (act, milliseconds) => {
  const timer = setTimeout(act, milliseconds).unref();
  return () => clearTimeout(timer);
};

export const systemClock: Clock = { now: Date.now };

let lastTime = 0;
let lastText = new Date(0).toISOString();

/** ISO 8601 in UTC with milliseconds. A batch of messages asks for the same moment many times. */
export function isoTime(milliseconds: number): string {
  if (milliseconds !== lastTime) {
    lastTime = milliseconds;
    lastText = new Date(milliseconds).toISOString();
  }
  return lastText;
}
