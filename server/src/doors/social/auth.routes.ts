import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { originOf } from '../../infra/http/origin.ts';
import { type Identity, Registration } from '../../modules/identity/index.ts';
import { answerSchema, nothingSchema, success } from './envelope.ts';
import type { Pieces } from './pieces.ts';
import { briefUserSchema, newUserSchema, ownUserSchema, ownUserView } from './user.ts';

const loginBody = Type.Object(
  {
    email: Registration.properties.email,
    password: Type.String({ minLength: 1, maxLength: 128 }),
  },
  { examples: [{ email: 'lin@example.org', password: 'Correct-Horse-1' }] },
);
const refreshBody = Type.Object(
  { refreshToken: Type.String({ minLength: 1, maxLength: 4_096 }) },
  { examples: [{ refreshToken: 'data.refreshToken of the last answer' }] },
);
const tokens = Type.Object(
  { accessToken: Type.String(), refreshToken: Type.String() },
  { additionalProperties: false },
);
const signedIn = Type.Object({ user: briefUserSchema, ...tokens.properties }, { additionalProperties: false });

export type AuthNeeds = Readonly<{ identity: Identity }>;

const signInRoutes =
  ({ identity }: AuthNeeds, { limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/auth/register',
      {
        config: { uncounted: true },
        onRequest: limits.auth('register'),
        schema: { summary: 'Make an account', body: Registration, response: { 201: answerSchema(newUserSchema) } },
      },
      async (request, reply) => {
        const { username, email, password } = request.body;
        const made = await identity.register({ username, email, password }, originOf(request));
        const { accessToken, refreshToken } = made;
        // As documented: who only registers is not there yet.
        const data = { ...ownUserView(made.profile), isOnline: false, accessToken, refreshToken };
        return reply.code(201).send(success(data, 'User registered successfully'));
      },
    );

    app.post(
      '/auth/login',
      {
        config: { uncounted: true },
        onRequest: limits.auth('login'),
        schema: { summary: 'Sign in', body: loginBody, response: { 200: answerSchema(signedIn) } },
      },
      async (request) => {
        const { email, password } = request.body;
        const { profile, accessToken, refreshToken } = await identity.login({ email, password }, originOf(request));
        return success({ user: ownUserView(profile), accessToken, refreshToken }, 'Login successful');
      },
    );
  };

const tokenRoutes =
  ({ identity }: AuthNeeds, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/auth/refresh',
      {
        schema: {
          summary: 'Change a refresh token for new tokens',
          body: refreshBody,
          response: { 200: answerSchema(tokens) },
        },
      },
      async (request) => success(await identity.refresh(request.body.refreshToken), 'Token refreshed successfully'),
    );

    app.post(
      '/auth/logout',
      {
        onRequest: guard,
        schema: { summary: 'End this login session', body: refreshBody, response: { 200: nothingSchema } },
      },
      async (request) => {
        await identity.logout(principalOf(request), request.body.refreshToken);
        return success(null, 'Logout successful');
      },
    );

    app.post(
      '/auth/logout-all',
      {
        onRequest: guard,
        schema: { summary: 'End every login session of the account', response: { 200: nothingSchema } },
      },
      async (request) => {
        await identity.logoutAll(principalOf(request));
        return success(null, 'Logged out from all devices');
      },
    );
  };

const ownRoute =
  ({ identity }: AuthNeeds, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/auth/me',
      { onRequest: guard, schema: { summary: 'Your own account', response: { 200: answerSchema(ownUserSchema) } } },
      async (request) => success(ownUserView(await identity.me(principalOf(request)))),
    );
  };

/** Registration, sessions and the caller's own account. */
export const authRoutes =
  (needs: AuthNeeds, pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const routes of [signInRoutes, tokenRoutes, ownRoute]) await app.register(routes(needs, pieces));
  };
