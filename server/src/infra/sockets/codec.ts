import type { WireEvent } from '../delivery/wire-event.ts';
import type { Arrived } from './dispatch.ts';

/** What a client has sent. `answer` writes the acknowledgement, where it asked for one. */
type Frame = Arrived & { answer: ((reply: object) => string) | undefined };

/** The frame or frames of one event; an offset belongs to the last. */
export type WriteEvent = (event: WireEvent) => string | readonly string[];

/** How a contract writes on a plain WebSocket. */
export type Codec = Readonly<{
  /** Whatever it is: what is no event of the contract has `event: undefined`. */
  read(data: Buffer): Frame;
  write: WriteEvent;
}>;

/** A text as the object that it holds, or `undefined`. */
export function readObject(data: Buffer): Record<string, unknown> | undefined {
  try {
    const frame: unknown = JSON.parse(data.toString());
    return typeof frame === 'object' && frame !== null ? (frame as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** `{"event", "data", "id"?}` from a client, answered by `{"reply": id, …}`; `{"event", "data", "offset"}` to it. */
export const plainCodec: Codec = {
  read(data) {
    const { event, data: input, id } = readObject(data) ?? {};
    const answer =
      typeof id === 'string' || typeof id === 'number'
        ? (reply: object): string => JSON.stringify({ reply: id, ...reply })
        : undefined;
    return { event, input, bytes: data.length, answer };
  },
  write: ({ event, json, offset }) =>
    `{"event":${JSON.stringify(event)},"data":${json}${offset === null ? '' : `,"offset":"${offset}"`}}`,
};
