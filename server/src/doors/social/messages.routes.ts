import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { keyHeader, keyOf } from '../../infra/http/key.ts';
import { pageOf, pageQuery, pagination, paginationSchema } from '../../infra/http/page.ts';
import { type Message, type Messaging, messageDraft } from '../../modules/messaging/index.ts';
import { changeRoutes } from './changes.routes.ts';
import { conversationRoutes } from './conversations.routes.ts';
import { answerSchema, success } from './envelope.ts';
import { messageSchema, sentView, viewFor } from './message-view.ts';
import { receiptRoutes } from './receipts.routes.ts';
import type { Pieces } from './routes.ts';

const listSchema = Type.Object(
  { success: Type.Literal(true), data: Type.Array(messageSchema), pagination: paginationSchema },
  { additionalProperties: false },
);

export const messageRoutes =
  (messaging: Messaging) =>
  (pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { guard, limits } = pieces;
    await app.register(changeRoutes(messaging)(pieces));
    await app.register(receiptRoutes(messaging)(pieces));
    await app.register(conversationRoutes(messaging)(pieces));

    app.post(
      '/messages',
      {
        config: { uncounted: true },
        onRequest: guard,
        preHandler: limits.messages,
        errorHandler: limits.refused,
        schema: {
          summary: 'Send a message to somebody or to a group',
          headers: keyHeader,
          body: messageDraft,
          response: { 201: answerSchema(messageSchema) },
        },
      },
      async (request, reply) => {
        const clientId = request.body.clientId ?? keyOf(request);
        const message = await messaging.send(principalOf(request), { ...request.body, clientId });
        return reply.code(201).send(success(sentView(message), 'Message sent successfully'));
      },
    );

    app.get(
      '/messages/:id',
      {
        onRequest: [guard],
        schema: {
          summary: 'A message',
          params: Type.Object({ id: Type.String() }),
          response: { 200: answerSchema(messageSchema) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        return success(viewFor(principal.account, await messaging.read(principal, request.params.id)));
      },
    );

    app.get(
      '/messages/direct/:otherUserId',
      {
        onRequest: [guard],
        schema: {
          summary: 'Messages with somebody, newest first',
          params: Type.Object({ otherUserId: Type.String() }),
          querystring: pageQuery,
          response: { 200: listSchema },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const page = pageOf(request.query);
        const { messages, total } = await messaging.directHistory(principal, request.params.otherUserId, page);
        return {
          success: true as const,
          data: views(principal.account, messages),
          pagination: pagination(page, total),
        };
      },
    );

    app.get(
      '/messages/group/:groupId',
      {
        onRequest: [guard],
        schema: {
          summary: 'Messages of a group, newest first',
          params: Type.Object({ groupId: Type.String() }),
          querystring: pageQuery,
          response: { 200: listSchema },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const page = pageOf(request.query);
        const { messages, total } = await messaging.groupHistory(principal, request.params.groupId, page);
        return {
          success: true as const,
          data: views(principal.account, messages),
          pagination: pagination(page, total),
        };
      },
    );
  };

const views = (account: number, messages: readonly Message[]) => messages.map((message) => viewFor(account, message));
