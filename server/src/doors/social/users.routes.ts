import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { numberedPages, pageOf, pagination } from '../../infra/http/page.ts';
import { isoTime } from '../../kernel/clock.ts';
import { roles } from '../../kernel/principal.ts';
import { type Identity, type Person, ProfileChange } from '../../modules/identity/index.ts';
import { answerSchema, listSchema, nothingSchema, success } from './envelope.ts';
import { byId, type Pieces } from './pieces.ts';
import { changedUserSchema, listedUserSchema, userSchema, userView } from './user.ts';

const searchQuery = Type.Object({
  query: Type.String({ maxLength: 254, pattern: '\\S', 'x-fault': 'must not be empty' }),
  ...numberedPages.properties,
});
const presence = Type.Object({ isOnline: Type.Boolean(), lastSeen: Type.String() }, { additionalProperties: false });
const newRole = Type.Object({ role: Type.Enum(roles) }, { examples: [{ role: 'MANAGER' }] });
const withRole = Type.Object({ id: Type.String(), role: Type.String() }, { additionalProperties: false });

const searchRoute =
  (identity: Identity, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/users',
      {
        onRequest: [guard],
        schema: {
          summary: 'Search for people',
          querystring: searchQuery,
          response: { 200: listSchema(listedUserSchema) },
        },
      },
      async ({ query }) => {
        const page = pageOf(query);
        const { people, total, capped } = await identity.searchPeople(query.query.trim(), page);
        const data = people.map(listed);
        return { success: true as const, data, pagination: pagination(page, total, capped) };
      },
    );
  };

const profileRoutes =
  (identity: Identity, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/users/:id',
      {
        onRequest: [guard],
        schema: {
          summary: 'The public profile of an account',
          params: byId,
          response: { 200: answerSchema(userSchema) },
        },
      },
      async (request) => success(userView(await identity.profileFor(principalOf(request), request.params.id))),
    );

    app.get(
      '/users/:id/presence',
      {
        onRequest: [guard],
        schema: { summary: 'Whether an account is online', params: byId, response: { 200: answerSchema(presence) } },
      },
      async (request) => {
        const { isOnline, lastSeen } = await identity.profileFor(principalOf(request), request.params.id);
        return success({ isOnline, lastSeen: isoTime(lastSeen) });
      },
    );
  };

const ownRoutes =
  (identity: Identity, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.patch(
      '/users/:id',
      {
        onRequest: [guard],
        schema: {
          summary: 'Change your own profile',
          params: byId,
          body: ProfileChange,
          response: { 200: answerSchema(changedUserSchema) },
        },
      },
      async (request) => {
        const { params, body } = request;
        const profile = await identity.updateProfile(principalOf(request), { id: params.id, change: body });
        return success(userView(profile), 'User updated successfully');
      },
    );

    app.delete(
      '/users/:id',
      {
        onRequest: [guard],
        schema: { summary: 'Delete your own account', params: byId, response: { 200: nothingSchema } },
      },
      async (request) => {
        await identity.deleteAccount(principalOf(request), request.params.id);
        return success(null, 'User deleted successfully');
      },
    );
  };

const roleRoute =
  (identity: Identity, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      '/users/:id/role',
      {
        onRequest: [guard],
        schema: {
          summary: 'Give an account a role (administrators)',
          params: byId,
          body: newRole,
          response: { 200: answerSchema(withRole) },
        },
      },
      async (request) => {
        const to = { id: request.params.id, role: request.body.role };
        const { id, role } = await identity.giveRole(principalOf(request), to);
        return success({ id, role }, 'Role changed successfully');
      },
    );
  };

/** Accounts: of others to look at and to find, the own one to change and to delete. */
export const userRoutes =
  (identity: Identity, pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const routes of [searchRoute, profileRoutes, ownRoutes, roleRoute])
      await app.register(routes(identity, pieces));
  };

const listed = ({ id, username, avatar }: Person) => ({ id, username, avatar });

const blocked = Type.Object(
  { ...listedUserSchema.properties, blockedAt: Type.String() },
  { additionalProperties: false },
);

/** Whom the caller wants to hear nothing from. */
export const blockRoutes =
  (identity: Identity, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/users/blocked',
      {
        onRequest: [guard],
        schema: {
          summary: 'Whom you have blocked',
          querystring: numberedPages,
          response: { 200: listSchema(blocked) },
        },
      },
      async (request) => {
        const page = pageOf(request.query);
        const found = await identity.listBlocked(principalOf(request), page);
        const data = found.blocked.map((person) => ({ ...listed(person), blockedAt: isoTime(person.blockedAt) }));
        return { success: true as const, data, pagination: pagination(page, found.total) };
      },
    );

    app.post(
      '/users/:id/block',
      { onRequest: [guard], schema: { summary: 'Block an account', params: byId, response: { 200: nothingSchema } } },
      async (request) => {
        await identity.block(principalOf(request), request.params.id);
        return success(null, 'User blocked successfully');
      },
    );

    app.delete(
      '/users/:id/block',
      { onRequest: [guard], schema: { summary: 'Take a block back', params: byId, response: { 200: nothingSchema } } },
      async (request) => {
        await identity.unblock(principalOf(request), request.params.id);
        return success(null, 'User unblocked successfully');
      },
    );
  };
