import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { originOf } from '../../infra/http/origin.ts';
import {
  type Identity,
  PasswordChange,
  PasswordReset,
  Registration,
  type ResetMail,
} from '../../modules/identity/index.ts';
import { nothingSchema, success } from './envelope.ts';
import type { Pieces } from './pieces.ts';

const forgotBody = Type.Object({ email: Registration.properties.email }, { examples: [{ email: 'lin@example.org' }] });
const underWay = 'If there is an account with this email, a code is on its way';
const noMail =
  'This server sends no mail. Whoever runs it makes a code with: rendezvous user reset EMAIL. It works at POST /auth/reset';

export type PasswordNeeds = Readonly<{ identity: Identity; resetMail: ResetMail | undefined }>;

const changeRoute =
  ({ identity }: PasswordNeeds, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/auth/password',
      {
        config: { uncounted: true },
        onRequest: [limits.auth('password'), guard],
        schema: {
          summary: 'Change the password; every other session ends',
          body: PasswordChange,
          response: { 200: nothingSchema },
        },
      },
      async (request) => {
        const { currentPassword, newPassword } = request.body;
        const change = { currentPassword, newPassword, origin: originOf(request) };
        await identity.changePassword(principalOf(request), change);
        return success(null, 'Password changed successfully');
      },
    );
  };

const codeRoutes =
  ({ identity, resetMail }: PasswordNeeds, { limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/auth/forgot',
      {
        config: { uncounted: true },
        onRequest: limits.auth('forgot'),
        schema: { summary: 'Ask for a code to set a new password', body: forgotBody, response: { 200: nothingSchema } },
      },
      async (request) => {
        await resetMail?.ask(request.body.email);
        return success(null, resetMail === undefined ? noMail : underWay);
      },
    );

    app.post(
      '/auth/reset',
      {
        config: { uncounted: true },
        onRequest: limits.auth('reset'),
        schema: { summary: 'Set a new password with a code', body: PasswordReset, response: { 200: nothingSchema } },
      },
      async (request) => {
        const { email, code, password } = request.body;
        await identity.resetPassword({ email, code, password }, originOf(request));
        return success(null, 'Password reset successfully');
      },
    );
  };

/** Passwords, changed by who knows theirs, or set anew by who holds a code. */
export const passwordRoutes =
  (needs: PasswordNeeds, pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const routes of [changeRoute, codeRoutes]) await app.register(routes(needs, pieces));
  };
