import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { nullable } from '../../infra/http/nullable.ts';
import { pageOf, pageQuery, pagination } from '../../infra/http/page.ts';
import type { Conversation, ConversationNames, Messaging } from '../../modules/messaging/index.ts';
import { answerSchema, listSchema, success } from './envelope.ts';
import { namedGroupSchema } from './group-view.ts';
import { messageSchema, viewFor } from './message-view.ts';
import { byId, type Pieces } from './pieces.ts';
import { listedUserSchema } from './user.ts';

const text = nullable(Type.String());
const conversation = Type.Object(
  {
    id: Type.String(),
    type: Type.Enum(['DIRECT', 'GROUP']),
    userId: text,
    groupId: text,
    user: nullable(listedUserSchema),
    group: namedGroupSchema,
    lastMessage: messageSchema,
    unreadCount: Type.Integer(),
  },
  { additionalProperties: false },
);
const seen = Type.Object({ id: Type.String(), unreadCount: Type.Integer() }, { additionalProperties: false });

/** Own conversations: `before` and `after` take the id of a last message. */
export const conversationRoutes =
  (messaging: Messaging) =>
  ({ guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/conversations',
      {
        onRequest: [guard],
        schema: {
          summary: 'Your conversations, the last written to first',
          querystring: pageQuery,
          response: { 200: listSchema(conversation) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const page = pageOf(request.query);
        const { conversations, total } = await messaging.conversations(principal, page);
        return {
          success: true as const,
          data: conversations.map((found) => conversationView(principal.account, found)),
          pagination: pagination(page, total),
        };
      },
    );

    app.post(
      '/conversations/:id/seen',
      {
        onRequest: [guard],
        preHandler: limits.receipts,
        schema: {
          summary: 'Say that a conversation has been seen',
          params: byId,
          response: { 200: answerSchema(seen) },
        },
      },
      async (request) => {
        const { id } = request.params;
        await messaging.seeAll(principalOf(request), id);
        return success({ id, unreadCount: 0 });
      },
    );
  };

const conversationView = (
  account: number,
  { id, type, user, group, lastMessage, unread }: Conversation & ConversationNames,
) => ({
  id,
  type,
  userId: type === 'DIRECT' ? id : null,
  groupId: type === 'GROUP' ? id : null,
  user,
  group,
  lastMessage: viewFor(account, lastMessage),
  unreadCount: unread,
});
