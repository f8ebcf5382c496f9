import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { keyHeader, keyOf } from '../../infra/http/key.ts';
import { pageOf, pageQuery, pagination } from '../../infra/http/page.ts';
import type { Page } from '../../kernel/page.ts';
import { type Message, type Messaging, messageDraft } from '../../modules/messaging/index.ts';
import { changeRoutes } from './changes.routes.ts';
import { conversationRoutes } from './conversations.routes.ts';
import { answerSchema, listSchema, success } from './envelope.ts';
import { messageSchema, sentView, viewFor } from './message-view.ts';
import { byId, type Pieces } from './pieces.ts';
import { receiptRoutes } from './receipts.routes.ts';

const singleRoutes =
  (messaging: Messaging, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
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
          params: byId,
          response: { 200: answerSchema(messageSchema) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        return success(viewFor(principal.account, await messaging.read(principal, request.params.id)));
      },
    );
  };

const historyRoutes =
  (messaging: Messaging, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/messages/direct/:otherUserId',
      {
        onRequest: [guard],
        schema: {
          summary: 'Messages with somebody, newest first',
          params: Type.Object({ otherUserId: Type.String() }),
          querystring: pageQuery,
          response: { 200: listSchema(messageSchema) },
        },
      },
      async (request) => {
        const who = principalOf(request);
        const page = pageOf(request.query);
        return listed(who.account, page, await messaging.directHistory(who, request.params.otherUserId, page));
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
          response: { 200: listSchema(messageSchema) },
        },
      },
      async (request) => {
        const who = principalOf(request);
        const page = pageOf(request.query);
        return listed(who.account, page, await messaging.groupHistory(who, request.params.groupId, page));
      },
    );
  };

type Found = Readonly<{ messages: readonly Message[]; total: number }>;

const listed = (account: number, page: Page, { messages, total }: Found) => ({
  success: true as const,
  data: messages.map((message) => viewFor(account, message)),
  pagination: pagination(page, total),
});

export const messageRoutes =
  (messaging: Messaging) =>
  (pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const routes of [changeRoutes, receiptRoutes, conversationRoutes])
      await app.register(routes(messaging)(pieces));
    for (const routes of [singleRoutes, historyRoutes]) await app.register(routes(messaging, pieces));
  };
