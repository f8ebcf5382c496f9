import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { type Attendance, policyChange } from '../../modules/meetings/index.ts';
import { answerSchema, success } from './envelope.ts';
import { byId, type Pieces } from './pieces.ts';

export const policyRoutes =
  (attendance: Attendance) =>
  ({ guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/:id/security/policy',
      {
        onRequest: [guard, limits.category('management')],
        schema: {
          summary: 'Change what people may do in a meeting; what is not named stays',
          params: byId,
          body: policyChange,
          response: { 200: answerSchema(Type.Null()) },
        },
      },
      async (request) => {
        await attendance.applyPolicy(principalOf(request), request.params.id, request.body);
        return success('Security policy applied successfully', null);
      },
    );
  };
