import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { type Message, type Messaging, messageDraft } from '../../modules/messaging/index.ts';
import { answerSchema, success } from './envelope.ts';
import { principalOf } from './guard.ts';
import { keyHeader, keyOf } from './key.ts';
import { sentView, viewFor } from './message-view.ts';
import { pageOf, pageQuery, pagination, paginationSchema } from './page.ts';
import type { Pieces } from './routes.ts';
import { nullable } from './user.ts';

const text = nullable(Type.String());
const messageSchema = Type.Object(
  {
    id: Type.String(),
    senderId: Type.String(),
    receiverId: text,
    groupId: text,
    content: Type.String(),
    type: Type.String(),
    status: Type.String(),
    parentId: text,
    metadata: Type.Union([Type.Record(Type.String(), Type.Any()), Type.Null()]),
    reactions: Type.Array(Type.Any()),
    createdAt: Type.String(),
    updatedAt: Type.String(),
    clientId: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

const listSchema = Type.Object(
  { success: Type.Literal(true), data: Type.Array(messageSchema), pagination: paginationSchema },
  { additionalProperties: false },
);

export const messageRoutes =
  (messaging: Messaging) =>
  ({ guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/messages',
      {
        config: { uncounted: true },
        onRequest: [guard, limits.messages],
        schema: { headers: keyHeader, body: messageDraft, response: { 201: answerSchema(messageSchema) } },
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
        schema: { params: Type.Object({ id: Type.String() }), response: { 200: answerSchema(messageSchema) } },
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
