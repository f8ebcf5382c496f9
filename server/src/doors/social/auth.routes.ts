import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Clock } from '../../kernel/clock.ts';
import type { Identity, Profile } from '../../modules/identity/index.ts';
import { answerSchema, nothingSchema, success } from './envelope.ts';
import { originOf, principalOf } from './guard.ts';
import type { Pieces } from './pieces.ts';
import { briefUserSchema, newUserSchema, ownUserSchema, userView } from './user.ts';

/** How long somebody who signed in or refreshed counts as online without a socket, in milliseconds. */
const freshFor = 60_000;

const emailAddress = Type.String({ format: 'email', maxLength: 254, fault: 'is not an email address' });

const registerBody = Type.Object({
  username: Type.String({
    minLength: 3,
    maxLength: 50,
    pattern: '^[A-Za-z0-9_]+$',
    fault: 'may have only the letters a to z, digits and _',
  }),
  email: emailAddress,
  password: Type.String({
    minLength: 8,
    maxLength: 128,
    pattern: '^(?=[^]*[a-z])(?=[^]*[A-Z])(?=[^]*[0-9])',
    fault: 'must have a small letter, a capital letter and a digit',
  }),
});
const loginBody = Type.Object({
  email: emailAddress,
  password: Type.String({ minLength: 1, maxLength: 128 }),
});
const refreshBody = Type.Object({ refreshToken: Type.String({ minLength: 1, maxLength: 4_096 }) });
const tokens = Type.Object(
  { accessToken: Type.String(), refreshToken: Type.String() },
  { additionalProperties: false },
);
const signedIn = Type.Object({ user: briefUserSchema, ...tokens.properties }, { additionalProperties: false });

export type AuthNeeds = Readonly<{ identity: Identity; clock: Clock; isOnline: (account: number) => boolean }>;

/** Registration, sessions and the caller's own account. */
export const authRoutes =
  ({ identity, clock, isOnline }: AuthNeeds, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/auth/register',
      {
        config: { uncounted: true },
        onRequest: limits.auth('register'),
        schema: { body: registerBody, response: { 201: answerSchema(newUserSchema) } },
      },
      async (request, reply) => {
        const { username, email, password } = request.body;
        const made = await identity.register({ username, email, password }, originOf(request));
        const { accessToken, refreshToken } = made;
        const data = { ...userView(made.profile, false), accessToken, refreshToken };
        return reply.code(201).send(success(data, 'User registered successfully'));
      },
    );

    app.post(
      '/auth/login',
      {
        config: { uncounted: true },
        onRequest: limits.auth('login'),
        schema: { body: loginBody, response: { 200: answerSchema(signedIn) } },
      },
      async (request) => {
        const { email, password } = request.body;
        const { profile, accessToken, refreshToken } = await identity.login({ email, password }, originOf(request));
        return success({ user: userView(profile, true), accessToken, refreshToken }, 'Login successful');
      },
    );

    app.post(
      '/auth/refresh',
      { schema: { body: refreshBody, response: { 200: answerSchema(tokens) } } },
      async (request) => success(await identity.refresh(request.body.refreshToken), 'Token refreshed successfully'),
    );

    app.post(
      '/auth/logout',
      { onRequest: guard, schema: { body: refreshBody, response: { 200: nothingSchema } } },
      async (request) => {
        await identity.logout(principalOf(request), request.body.refreshToken);
        return success(null, 'Logout successful');
      },
    );

    app.post(
      '/auth/logout-all',
      { onRequest: guard, schema: { response: { 200: nothingSchema } } },
      async (request) => {
        await identity.logoutAll(principalOf(request));
        return success(null, 'Logged out from all devices');
      },
    );

    const online = (account: number, { signedInAt }: Profile) =>
      isOnline(account) || clock.now() - signedInAt < freshFor;
    app.get(
      '/auth/me',
      { onRequest: guard, schema: { response: { 200: answerSchema(ownUserSchema) } } },
      async (request) => {
        const principal = principalOf(request);
        const profile = await identity.me(principal);
        return success(userView(profile, online(principal.account, profile)));
      },
    );
  };
