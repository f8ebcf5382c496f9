import { compileCheck } from '../../kernel/schema.ts';
import { type Typing, typingPlace } from '../../modules/presence/index.ts';
import type { EventTable } from './events.ts';

export type TypingEventNeeds = Readonly<{ typing: Typing }>;

export function typingEvents({ typing }: TypingEventNeeds): EventTable {
  const checkPlace = compileCheck(typingPlace);
  const tell =
    (started: boolean): EventTable[number][1] =>
    async ({ principal }, input) => {
      await typing.tell(principal, checkPlace(input), started);
      return () => null;
    };
  return [
    ['typing:start', tell(true)],
    ['typing:stop', tell(false)],
  ];
}
