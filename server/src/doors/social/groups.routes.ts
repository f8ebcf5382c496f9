import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isoTime } from '../../kernel/clock.ts';
import { type Group, type Groups, groupDraft, newMember } from '../../modules/groups/index.ts';
import { answerSchema, nothingSchema, success } from './envelope.ts';
import { principalOf } from './guard.ts';
import { keyHeader, keyOf } from './key.ts';
import type { Pieces } from './routes.ts';
import { nullable } from './user.ts';

const group = {
  id: Type.String(),
  title: Type.String(),
  description: nullable(Type.String()),
  cover: nullable(Type.String()),
  type: Type.String(),
  createdAt: Type.String(),
  updatedAt: Type.String(),
};
const groupSchema = Type.Object(group, { additionalProperties: false });
const member = Type.Object({ userId: Type.String(), role: Type.String() }, { additionalProperties: false });
const withMembers = Type.Object({ ...group, members: Type.Array(member) }, { additionalProperties: false });
const byId = Type.Object({ id: Type.String() });

export const groupRoutes =
  (groups: Groups) =>
  ({ guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/groups',
      {
        onRequest: [guard],
        schema: { headers: keyHeader, body: groupDraft, response: { 201: answerSchema(groupSchema) } },
      },
      async (request, reply) => {
        const created = await groups.create(principalOf(request), request.body, keyOf(request));
        return reply.code(201).send(success(groupView(created), 'Group created successfully'));
      },
    );

    app.get(
      '/groups/:id',
      { onRequest: [guard], schema: { params: byId, response: { 200: answerSchema(withMembers) } } },
      async (request) => {
        const { members, ...found } = await groups.read(principalOf(request), request.params.id);
        return success({ ...groupView(found), members });
      },
    );

    app.post(
      '/groups/:id/members',
      {
        onRequest: [guard],
        schema: { headers: keyHeader, params: byId, body: newMember, response: { 200: nothingSchema } },
      },
      async (request) => {
        await groups.addMember(principalOf(request), request.params.id, { ...request.body, key: keyOf(request) });
        return success(null, 'Member added successfully');
      },
    );
  };

const groupView = ({ createdAt, updatedAt, ...rest }: Group) => ({
  ...rest,
  createdAt: isoTime(createdAt),
  updatedAt: isoTime(updatedAt),
});
