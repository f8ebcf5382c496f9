import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { LiveKitTokens } from '../../modules/meetings/index.ts';
import { answerSchema, success } from './envelope.ts';
import { byId, type Pieces } from './pieces.ts';

const text = Type.String();
const maybe = Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()]));

/** `user_id` may only name the caller, and the name is the account's, whatever `user_name` says. */
const tokenDraft = Type.Union([Type.Object({ user_id: maybe, user_name: maybe }), Type.Null()], {
  examples: [{}],
});
const entry = Type.Object(
  { token: text, meeting_id: text, user_id: text, user_name: text, is_host: Type.Boolean(), livekit_url: text },
  { additionalProperties: false },
);

export const tokenRoutes =
  (tokens: LiveKitTokens) =>
  ({ guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/:id/token',
      {
        onRequest: [guard, limits.category('management')],
        schema: {
          summary: 'Your way into the LiveKit room of a meeting that you have joined',
          params: byId,
          body: tokenDraft,
          response: { 200: answerSchema(entry) },
        },
      },
      async (request) => {
        const made = await tokens.make(principalOf(request), request.params.id, request.body?.user_id ?? null);
        return success('LiveKit token generated successfully', {
          token: made.token,
          meeting_id: ulidOf(made.meetingId),
          user_id: ulidOf(made.userId),
          user_name: made.userName,
          is_host: made.isHost,
          livekit_url: made.url,
        });
      },
    );
  };
