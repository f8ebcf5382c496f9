import { failureOf } from '../../infra/http/failure.ts';
import type { EventHandler, SocketDoor } from '../../infra/sockets/sockets.ts';
import { Refusal } from '../../kernel/errors.ts';
import { compileCheck } from '../../kernel/schema.ts';
import type { Identity } from '../../modules/identity/index.ts';
import { type Messaging, messageDraft } from '../../modules/messaging/index.ts';
import { present } from './deliver.ts';
import { socialFailure } from './envelope.ts';
import type { SocialLimits } from './limits.ts';
import { sentView } from './message-view.ts';

export type SocialSocketNeeds = Readonly<{
  identity: Pick<Identity, 'authenticate'>;
  messaging: Messaging;
  limits: SocialLimits;
  /** What is no refusal: a mistake of ours, which the client is not told. */
  onFailure: (error: unknown) => void;
}>;

/** The social door on sockets: every event calls the same function as its REST twin. */
export function socialSocket({ identity, messaging, limits, onFailure }: SocialSocketNeeds): SocketDoor {
  const checkDraft = compileCheck(messageDraft);
  const events = new Map<string, EventHandler>([
    [
      'message:send',
      async ({ principal }, input) => {
        const draft = checkDraft(input);
        await limits.takeMessage(principal);
        const message = await messaging.send(principal, draft);
        return () => sentView(message);
      },
    ],
  ]);
  return {
    events,
    present,
    authenticate: (token, options) => identity.authenticate(token, options),
    errorOf: (error) => {
      if (!(error instanceof Refusal)) onFailure(error);
      const { message, code } = socialFailure(failureOf(error));
      return { message, code };
    },
  };
}
