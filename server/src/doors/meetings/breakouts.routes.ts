import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { nullable } from '../../infra/http/nullable.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import { assignDraft, type Breakouts, roomsDraft } from '../../modules/meetings/index.ts';
import { answerSchema, success } from './envelope.ts';
import { byId, type Pieces } from './pieces.ts';
import { roomSchema, roomView } from './room-view.ts';

const text = Type.String();
const rooms = answerSchema(Type.Array(roomSchema));
const assigned = Type.Object(
  { participant_user_id: text, breakout_room_id: nullable(text) },
  { additionalProperties: false },
);

export const breakoutRoutes =
  (breakouts: Breakouts) =>
  (pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(openingRoutes(breakouts, pieces));
    await app.register(insideRoutes(breakouts, pieces));
  };

const openingRoutes =
  (breakouts: Breakouts, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/:id/breakout-rooms',
      {
        onRequest: [guard, limits.category('management')],
        schema: {
          summary: 'Open breakout rooms, in the place of those that there are',
          params: byId,
          body: roomsDraft,
          response: { 200: rooms },
        },
      },
      async (request) => {
        const made = await breakouts.open(principalOf(request), request.params.id, request.body);
        return success('Breakout rooms created successfully', made.map(roomView));
      },
    );

    app.delete(
      '/:id/breakout-rooms',
      {
        onRequest: [guard, limits.category('management')],
        schema: { summary: 'Close the breakout rooms: everybody comes back', params: byId, response: { 200: rooms } },
      },
      async (request) => {
        const closed = await breakouts.close(principalOf(request), request.params.id);
        return success('Breakout rooms closed successfully', closed.map(roomView));
      },
    );
  };

const insideRoutes =
  (breakouts: Breakouts, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/:id/breakout-rooms',
      {
        onRequest: [guard, limits.category('people')],
        schema: {
          summary: 'The breakout rooms as they are, or as they were',
          params: byId,
          response: { 200: rooms },
        },
      },
      async (request) => {
        const found = await breakouts.list(principalOf(request), request.params.id);
        return success('Breakout rooms retrieved successfully', found.map(roomView));
      },
    );

    app.post(
      '/:id/breakout-rooms/assign',
      {
        onRequest: [guard, limits.category('people')],
        schema: {
          summary: 'Put somebody into a breakout room, or back; without a participant it is yourself',
          params: byId,
          body: assignDraft,
          response: { 200: answerSchema(assigned) },
        },
      },
      async (request) => {
        const { userId, roomId } = await breakouts.assign(principalOf(request), request.params.id, request.body);
        const data = {
          participant_user_id: ulidOf(userId),
          breakout_room_id: roomId === null ? null : ulidOf(roomId),
        };
        return success('Participant assigned to breakout room successfully', data);
      },
    );
  };
