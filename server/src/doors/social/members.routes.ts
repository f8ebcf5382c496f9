import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { keyHeader, keyOf } from '../../infra/http/key.ts';
import { nullable } from '../../infra/http/nullable.ts';
import { pageOf, pageQuery, pagination } from '../../infra/http/page.ts';
import { type Groups, memberRole, memberRoles, newMember } from '../../modules/groups/index.ts';
import { listSchema, nothingSchema, success } from './envelope.ts';
import { byId, type Pieces } from './pieces.ts';

const member = Type.Object(
  {
    userId: Type.String(),
    username: Type.String(),
    avatar: nullable(Type.String()),
    role: Type.Enum(memberRoles),
  },
  { additionalProperties: false },
);
const byMember = Type.Object({ id: Type.String(), userId: Type.String() });

/** Who belongs to a group: adding, removing, roles, joining and leaving. */
export const memberRoutes =
  (groups: Groups) =>
  ({ guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/groups/:id/members',
      {
        onRequest: [guard],
        schema: {
          summary: 'Members of a group',
          params: byId,
          querystring: pageQuery,
          response: { 200: listSchema(member) },
        },
      },
      async (request) => {
        const page = pageOf(request.query);
        const { members, total } = await groups.members(principalOf(request), request.params.id, page);
        return { success: true as const, data: members, pagination: pagination(page, total) };
      },
    );

    app.post(
      '/groups/:id/members',
      {
        onRequest: [guard],
        schema: {
          summary: 'Add a member',
          headers: keyHeader,
          params: byId,
          body: newMember,
          response: { 200: nothingSchema },
        },
      },
      async (request) => {
        await groups.addMember(principalOf(request), request.params.id, { ...request.body, key: keyOf(request) });
        return success(null, 'Member added successfully');
      },
    );

    app.put(
      '/groups/:id/members/:userId',
      {
        onRequest: [guard],
        schema: {
          summary: 'Give a member a role',
          params: byMember,
          body: memberRole,
          response: { 200: nothingSchema },
        },
      },
      async (request) => {
        const { id, userId } = request.params;
        await groups.setRole(principalOf(request), id, { userId, role: request.body.role });
        return success(null, 'Role changed successfully');
      },
    );

    app.delete(
      '/groups/:id/members/:userId',
      {
        onRequest: [guard],
        schema: { summary: 'Remove a member', params: byMember, response: { 200: nothingSchema } },
      },
      async (request) => {
        await groups.removeMember(principalOf(request), request.params.id, request.params.userId);
        return success(null, 'Member removed successfully');
      },
    );

    app.post(
      '/groups/:id/join',
      {
        onRequest: [guard],
        schema: { summary: 'Join a PUBLIC group', headers: keyHeader, params: byId, response: { 200: nothingSchema } },
      },
      async (request) => {
        await groups.join(principalOf(request), request.params.id, keyOf(request));
        return success(null, 'Joined group successfully');
      },
    );

    app.post(
      '/groups/:id/leave',
      {
        onRequest: [guard],
        schema: { summary: 'Leave a group', headers: keyHeader, params: byId, response: { 200: nothingSchema } },
      },
      async (request) => {
        await groups.leave(principalOf(request), request.params.id, keyOf(request));
        return success(null, 'Left group successfully');
      },
    );
  };
