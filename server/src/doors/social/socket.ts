import { failureOf } from '../../infra/http/failure.ts';
import type { SocketDoor } from '../../infra/sockets/sockets.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Identity } from '../../modules/identity/index.ts';
import { type CallEventNeeds, callEvents } from './calls.events.ts';
import { words } from './deliver.ts';
import { socialFailure } from './envelope.ts';
import { type MessageEventNeeds, messageEvents } from './messages.events.ts';
import { type TypingEventNeeds, typingEvents } from './typing.events.ts';

export type SocialSocketNeeds = MessageEventNeeds &
  TypingEventNeeds &
  CallEventNeeds &
  Readonly<{
    identity: Pick<Identity, 'authenticate'>;
    /** What is no refusal: a mistake of ours, which the client is not told. */
    onFailure: (error: unknown) => void;
  }>;

/** The social door on sockets. */
export function socialSocket(needs: SocialSocketNeeds): SocketDoor {
  const errorOf: SocketDoor['errorOf'] = (error) => {
    if (!(error instanceof Refusal)) needs.onFailure(error);
    const { message, code } = socialFailure(failureOf(error));
    return { message, code };
  };
  return {
    events: new Map([...messageEvents(needs), ...typingEvents(needs), ...callEvents(needs)]),
    words,
    greeting: {
      connected: ({ id, principal, recovered }) => [
        'connected',
        { message: 'Successfully connected to WebSocket', userId: principal.id, socketId: id, recovered },
      ],
      resync: (missed) => ['resync', { missed }],
      refused: (refusal) => ['error', errorOf(refusal)],
      unauthenticated: ['error', { message: 'Authentication failed' }],
    },
    authenticate: (token, options) => needs.identity.authenticate(token, options),
    errorOf,
  };
}
