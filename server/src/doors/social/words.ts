import { type Forms, WireEvent } from '../../infra/delivery/wire-event.ts';

/** Words for rows by their type: the body, and the offset that the event must end with. */
export type RowWords = readonly (readonly [type: string, present: (body: never, offset: string) => Forms])[];
/** Words for signals by their type; their events have no offset. */
export type SignalWords = readonly (readonly [type: string, present: (body: never) => Forms])[];

/** An event that is the same for everybody who reads the row or hears the signal, which has no offset. */
export function toAll(event: string, data: object, offset: string | null): Forms {
  const form = new WireEvent(event, JSON.stringify(data), offset);
  return () => form;
}
