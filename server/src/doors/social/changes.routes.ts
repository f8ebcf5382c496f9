import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { type Messaging, messageEdit, reactionDraft } from '../../modules/messaging/index.ts';
import { answerSchema, nothingSchema, success } from './envelope.ts';
import { messageSchema, viewFor } from './message-view.ts';
import { byId, type Pieces } from './pieces.ts';

/** What others hear of counts like a message. */
const counted = ({ guard, limits }: Pieces) => ({
  config: { uncounted: true },
  onRequest: guard,
  preHandler: limits.messages,
  errorHandler: limits.refused,
});

const textRoutes =
  (messaging: Messaging, pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { changes } = messaging;
    app.patch(
      '/messages/:id',
      {
        ...counted(pieces),
        schema: {
          summary: 'Change the text of your own message',
          params: byId,
          body: messageEdit,
          response: { 200: answerSchema(messageSchema) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const message = await changes.edit(principal, request.params.id, request.body.content);
        return success(viewFor(principal.account, message), 'Message edited successfully');
      },
    );

    app.delete(
      '/messages/:id',
      {
        onRequest: [pieces.guard],
        schema: { summary: 'Delete a message', params: byId, response: { 200: nothingSchema } },
      },
      async (request) => {
        await changes.remove(principalOf(request), request.params.id);
        return success(null, 'Message deleted successfully');
      },
    );
  };

const reactionRoutes =
  (messaging: Messaging, pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { changes } = messaging;
    app.post(
      '/messages/:id/react',
      {
        ...counted(pieces),
        schema: { summary: 'React to a message', params: byId, body: reactionDraft, response: { 200: nothingSchema } },
      },
      async (request) => {
        const { emoji } = request.body;
        await changes.react(principalOf(request), request.params.id, { emoji, action: 'added' });
        return success(null, 'Reaction added');
      },
    );

    app.delete(
      '/messages/:id/react',
      {
        ...counted(pieces),
        schema: {
          summary: 'Take a reaction back',
          params: byId,
          querystring: Type.Partial(reactionDraft),
          body: Type.Optional(Type.Union([Type.Partial(reactionDraft), Type.Null()], { examples: [{ emoji: '👍' }] })),
          response: { 200: nothingSchema },
        },
      },
      async (request) => {
        // Some clients and proxies drop the body of a DELETE.
        const emoji = request.body?.emoji ?? request.query.emoji;
        if (emoji === undefined) throw new Refusal(commonErrors.INVALID_INPUT, { message: 'emoji is required' });
        await changes.react(principalOf(request), request.params.id, { emoji, action: 'removed' });
        return success(null, 'Reaction removed');
      },
    );
  };

/** What becomes of a message after it was sent: edited, deleted, reacted to. */
export const changeRoutes =
  (messaging: Messaging) =>
  (pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const routes of [textRoutes, reactionRoutes]) await app.register(routes(messaging, pieces));
  };
