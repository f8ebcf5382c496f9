import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { keyHeader, keyOf } from '../../infra/http/key.ts';
import { nullable } from '../../infra/http/nullable.ts';
import { pageOf, pageQuery, pagination } from '../../infra/http/page.ts';
import { type Calls, callDraft, callStatuses, callTypes, personStates } from '../../modules/calls/index.ts';
import { callView, callWithParticipantsView, entryView } from './call-view.ts';
import { answerSchema, listSchema, nothingSchema, success } from './envelope.ts';
import { namedGroupSchema } from './group-view.ts';
import { byId, type Pieces } from './pieces.ts';
import { listedUserSchema } from './user.ts';

const strict = { additionalProperties: false };
const text = Type.String();
const type = Type.Enum(callTypes);
const status = Type.Enum(callStatuses);
const identified = { id: text, initiatorId: text, roomId: text, type, status, createdAt: text };
const entry = Type.Object({ call: Type.Object(identified, strict), roomUrl: text, token: text }, strict);
const participant = Type.Object({ userId: text, username: text, joinedAt: text, leftAt: nullable(text) }, strict);
const wholeCall = { ...identified, groupId: nullable(text), endedAt: nullable(text) };
const invited = Type.Object({ userId: text, username: text, state: Type.Enum(personStates) }, strict);
const withParticipants = Type.Object(
  { ...wholeCall, participants: Type.Array(participant), invited: Type.Array(invited) },
  strict,
);
const { roomId: _, ...listed } = wholeCall;
const inList = Type.Object(
  { ...listed, initiator: listedUserSchema, group: namedGroupSchema, others: Type.Array(listedUserSchema) },
  strict,
);
const ended = Type.Object({ id: text, status, endedAt: nullable(text) }, strict);
const rejected = Type.Object({ id: text, status }, strict);

export const callRoutes =
  (calls: Calls) =>
  (pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(readRoutes(calls, pieces));
    await app.register(actRoutes(calls, pieces));
  };

const readRoutes =
  (calls: Calls, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/calls',
      {
        onRequest: [guard],
        schema: { summary: 'Your calls, newest first', querystring: pageQuery, response: { 200: listSchema(inList) } },
      },
      async (request) => {
        const page = pageOf(request.query);
        const { calls: found, total } = await calls.list(principalOf(request), page);
        return { success: true as const, data: found.map(callView), pagination: pagination(page, total) };
      },
    );

    app.get(
      '/calls/:id',
      {
        onRequest: [guard],
        schema: {
          summary: 'A call, who has joined it, and what became of everybody it rang for',
          params: byId,
          response: { 200: answerSchema(withParticipants) },
        },
      },
      async (request) => success(callWithParticipantsView(await calls.read(principalOf(request), request.params.id))),
    );
  };

const actRoutes =
  (calls: Calls, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/calls',
      {
        onRequest: [guard],
        preHandler: limits.calls,
        schema: {
          summary: 'Call people or a group',
          headers: keyHeader,
          body: callDraft,
          response: { 201: answerSchema(entry) },
        },
      },
      async (request, reply) => {
        const key = request.body.clientId ?? keyOf(request);
        const begun = await calls.start(principalOf(request), request.body, key);
        return reply.code(201).send(success(entryView(begun), 'Call initiated successfully'));
      },
    );

    app.post(
      '/calls/:id/join',
      {
        onRequest: [guard],
        preHandler: limits.calls,
        schema: { summary: 'Answer or join a call', params: byId, response: { 200: answerSchema(entry) } },
      },
      async (request) => {
        const joined = await calls.join(principalOf(request), request.params.id);
        return success(entryView(joined), 'Joined call successfully');
      },
    );

    app.post(
      '/calls/:id/end',
      {
        onRequest: [guard],
        preHandler: limits.calls,
        schema: { summary: 'End a call that you began', params: byId, response: { 200: answerSchema(ended) } },
      },
      async (request) => {
        const over = await calls.end(principalOf(request), request.params.id);
        return success(callView(over), 'Call ended successfully');
      },
    );

    app.post(
      '/calls/:id/leave',
      {
        onRequest: [guard],
        preHandler: limits.calls,
        schema: { summary: 'Leave a call', params: byId, response: { 200: nothingSchema } },
      },
      async (request) => {
        await calls.leave(principalOf(request), request.params.id);
        return success(null, 'Left call successfully');
      },
    );

    app.post(
      '/calls/:id/reject',
      {
        onRequest: [guard],
        preHandler: limits.calls,
        schema: { summary: 'Reject a call', params: byId, response: { 200: answerSchema(rejected) } },
      },
      async (request) => {
        const { id } = await calls.reject(principalOf(request), request.params.id);
        return success({ id, status: 'REJECTED' as const }, 'Call rejected');
      },
    );
  };
