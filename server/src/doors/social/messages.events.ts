import { Type } from 'typebox';
import type { EventHandler } from '../../infra/sockets/sockets.ts';
import { compileCheck } from '../../kernel/schema.ts';
import { type Messaging, messageDraft, messageEdit, reactionDraft } from '../../modules/messaging/index.ts';
import type { EventTable } from './events.ts';
import type { SocialLimits } from './limits.ts';
import { sentView, viewFor } from './message-view.ts';

const conversationId = Type.Object({ conversationId: Type.String({ minLength: 1, maxLength: 64 }) });
const messageId = Type.Object({ messageId: Type.String({ minLength: 1, maxLength: 64 }) });

export type MessageEventNeeds = Readonly<{ messaging: Messaging; limits: SocialLimits }>;

export function messageEvents({ messaging, limits }: MessageEventNeeds): EventTable {
  const checkDraft = compileCheck(messageDraft);
  return [
    [
      'message:send',
      async ({ principal }, input) => {
        const draft = checkDraft(input);
        const counting = limits.takeMessage(principal);
        if (counting !== undefined) await counting;
        const message = await messaging.send(principal, draft);
        return () => sentView(message);
      },
    ],
    ...changeEvents({ messaging, limits }),
    ...receiptEvents({ messaging, limits }),
  ];
}

function changeEvents({ messaging, limits }: MessageEventNeeds): EventTable {
  const checkEdit = compileCheck(Type.Intersect([messageId, messageEdit]));
  const checkId = compileCheck(messageId);
  const checkReaction = compileCheck(Type.Intersect([messageId, reactionDraft]));
  const react =
    (action: 'added' | 'removed'): EventHandler =>
    async ({ principal }, input) => {
      const { messageId: id, emoji } = checkReaction(input);
      await limits.takeMessage(principal);
      await messaging.changes.react(principal, id, { emoji, action });
      return () => null;
    };
  return [
    [
      'message:edit',
      async ({ principal }, input) => {
        const { messageId: id, content } = checkEdit(input);
        await limits.takeMessage(principal);
        const message = await messaging.changes.edit(principal, id, content);
        return () => viewFor(principal.account, message);
      },
    ],
    [
      'message:delete',
      async ({ principal }, input) => {
        await messaging.changes.remove(principal, checkId(input).messageId);
        return () => null;
      },
    ],
    ['message:react', react('added')],
    ['message:unreact', react('removed')],
  ];
}

function receiptEvents({ messaging, limits }: MessageEventNeeds): EventTable {
  const checkId = compileCheck(messageId);
  const checkConversation = compileCheck(conversationId);
  const mark =
    (status: 'DELIVERED' | 'SEEN'): EventHandler =>
    async ({ principal }, input) => {
      const { messageId: id } = checkId(input);
      await limits.takeReceipt(principal);
      const marked = await messaging.mark(principal, id, status);
      return () => marked;
    };
  return [
    ['message:delivered', mark('DELIVERED')],
    ['message:seen', mark('SEEN')],
    [
      'conversation:seen',
      async ({ principal }, input) => {
        const { conversationId: id } = checkConversation(input);
        await limits.takeReceipt(principal);
        await messaging.seeAll(principal, id);
        return () => ({ id, unreadCount: 0 });
      },
    ],
  ];
}
