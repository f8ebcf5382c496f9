import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import type { Messaging } from '../../modules/messaging/index.ts';
import { answerSchema, success } from './envelope.ts';
import { statusSchema } from './message-view.ts';
import { byId, type Pieces } from './pieces.ts';

const marked = Type.Object({ id: Type.String(), status: statusSchema }, { additionalProperties: false });

/** Who has got and seen what. */
export const receiptRoutes =
  (messaging: Messaging) =>
  ({ guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const [path, status, summary] of [
      ['/messages/:id/delivered', 'DELIVERED', 'Say that a message has arrived'],
      ['/messages/:id/seen', 'SEEN', 'Say that a message has been seen'],
    ] as const) {
      app.post(
        path,
        {
          onRequest: [guard],
          preHandler: limits.receipts,
          schema: { summary, params: byId, response: { 200: answerSchema(marked) } },
        },
        async (request) => success(await messaging.mark(principalOf(request), request.params.id, status)),
      );
    }
  };
