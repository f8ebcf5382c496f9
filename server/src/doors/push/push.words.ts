import { type Forms, WireEvent, type Words } from '../../infra/delivery/wire-event.ts';
import { type Pushed, pushEvent } from '../../modules/push/index.ts';

/** A push is an event of its own name with what it carries, unchanged, on every connection of its account. */
export const pushWords: Words = {
  row: ({ type, body }, offset) => (type === pushEvent && body !== null ? present(body as Pushed, offset) : null),
  signal: ({ type, body }) => (type === pushEvent ? present(body as Pushed, null) : null),
};

function present({ event, message }: Pushed, offset: string | null): Forms {
  const wire = new WireEvent(event, JSON.stringify(message), offset);
  return () => wire;
}
