import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { keyHeader, keyOf } from '../../infra/http/key.ts';
import { nullable } from '../../infra/http/nullable.ts';
import { pageOf, pageQuery, pagination } from '../../infra/http/page.ts';
import { type Groups, groupChanges, groupDraft, groupTypes, memberRoles } from '../../modules/groups/index.ts';
import { answerSchema, listSchema, nothingSchema, success } from './envelope.ts';
import { groupView } from './group-view.ts';
import { byId, type Pieces } from './pieces.ts';

const group = {
  id: Type.String(),
  title: Type.String(),
  description: nullable(Type.String()),
  cover: nullable(Type.String()),
  type: Type.Enum(groupTypes),
  createdAt: Type.String(),
  updatedAt: Type.String(),
};
const groupSchema = Type.Object(group, { additionalProperties: false });
const member = Type.Object(
  { userId: Type.String(), username: Type.String(), role: Type.Enum(memberRoles) },
  { additionalProperties: false },
);
const withMembers = Type.Object({ ...group, members: Type.Array(member) }, { additionalProperties: false });
const foundSchema = Type.Object({ ...group, memberCount: Type.Integer() }, { additionalProperties: false });
const searchQuery = Type.Object({
  query: Type.Optional(
    Type.String({
      maxLength: 100,
      pattern: '\\S',
      'x-fault': 'must not be empty',
      description: 'Words of the title, of the last one its beginning; without it all of them',
    }),
  ),
  page: pageQuery.properties.page,
  limit: pageQuery.properties.limit,
});

/** Groups themselves; their members are in `members.routes.ts`. */
export const groupRoutes =
  (groups: Groups) =>
  ({ guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/groups',
      {
        onRequest: [guard],
        schema: {
          summary: 'Make a group',
          headers: keyHeader,
          body: groupDraft,
          response: { 201: answerSchema(groupSchema) },
        },
      },
      async (request, reply) => {
        const created = await groups.create(principalOf(request), request.body, keyOf(request));
        return reply.code(201).send(success(groupView(created), 'Group created successfully'));
      },
    );

    app.get(
      '/groups',
      {
        onRequest: [guard],
        schema: { summary: 'Your groups', querystring: pageQuery, response: { 200: listSchema(groupSchema) } },
      },
      async (request) => {
        const page = pageOf(request.query);
        const { groups: own, total } = await groups.list(principalOf(request), page);
        return { ...success(own.map(groupView)), pagination: pagination(page, total) };
      },
    );

    app.get(
      '/groups/public',
      {
        onRequest: [guard],
        schema: {
          summary: 'PUBLIC groups, which you can join: by words of their titles, or all of them',
          querystring: searchQuery,
          response: { 200: listSchema(foundSchema) },
        },
      },
      async (request) => {
        const page = pageOf(request.query);
        const { groups: found, total, capped } = await groups.listPublic(request.query.query, page);
        const data = found.map(({ memberCount, ...one }) => ({ ...groupView(one), memberCount }));
        return { success: true as const, data, pagination: pagination(page, total, capped) };
      },
    );

    app.get(
      '/groups/:id',
      {
        onRequest: [guard],
        schema: { summary: 'A group', params: byId, response: { 200: answerSchema(withMembers) } },
      },
      async (request) => {
        const { members, ...found } = await groups.read(principalOf(request), request.params.id);
        return success({ ...groupView(found), members });
      },
    );

    app.patch(
      '/groups/:id',
      {
        onRequest: [guard],
        schema: {
          summary: 'Change a group',
          params: byId,
          body: groupChanges,
          response: { 200: answerSchema(groupSchema) },
        },
      },
      async (request) => {
        const changed = await groups.update(principalOf(request), request.params.id, request.body);
        return success(groupView(changed), 'Group updated successfully');
      },
    );

    app.delete(
      '/groups/:id',
      { onRequest: [guard], schema: { summary: 'Delete a group', params: byId, response: { 200: nothingSchema } } },
      async (request) => {
        await groups.remove(principalOf(request), request.params.id);
        return success(null, 'Group deleted successfully');
      },
    );
  };
