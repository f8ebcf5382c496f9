import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { keyHeader, keyOf } from '../../infra/http/key.ts';
import { chatDraft, type MeetingChat } from '../../modules/meetings/index.ts';
import { chatSchema, chatView } from './chat-view.ts';
import { answerSchema, success } from './envelope.ts';
import { byId, type Pieces } from './pieces.ts';

const wholeNumber = (pattern: string, fault: string, description: string) =>
  Type.Optional(Type.String({ pattern, 'x-fault': fault, description }));

const pageQuery = Type.Object({
  limit: wholeNumber('^[1-9]\\d{0,8}$', 'must be a whole number from 1 on', 'How many: 50 without it, 200 at most'),
  offset: wholeNumber('^\\d{1,9}$', 'must be a whole number from 0 on', 'How many of the oldest are passed over'),
});
const mostOnPage = 200;

export const chatRoutes =
  (chat: MeetingChat) =>
  ({ guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/:id/chat',
      {
        onRequest: [guard, limits.category('chat')],
        schema: {
          summary: 'Say something to all, to your breakout room, or to one other participant',
          params: byId,
          headers: keyHeader,
          body: chatDraft,
          response: { 200: answerSchema(chatSchema) },
        },
      },
      async (request) => {
        const key = request.body.client_id ?? keyOf(request);
        const sent = await chat.send(principalOf(request), request.params.id, request.body, key);
        return success('Chat message sent successfully', chatView(sent));
      },
    );

    app.get(
      '/:id/chat',
      {
        onRequest: [guard, limits.category('chat')],
        schema: {
          summary: 'What was said to all, to your breakout room, and between you and others, oldest first',
          params: byId,
          querystring: pageQuery,
          response: { 200: answerSchema(Type.Array(chatSchema)) },
        },
      },
      async (request) => {
        const { limit = '50', offset = '0' } = request.query;
        const page = { limit: Math.min(Number(limit), mostOnPage), offset: Number(offset) };
        const found = await chat.history(principalOf(request), request.params.id, page);
        return success('Chat history retrieved successfully', found.map(chatView));
      },
    );
  };
