import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import { type Attendance, joinDraft, participantRoles, statusChange } from '../../modules/meetings/index.ts';
import { answerSchema, errorBody, success } from './envelope.ts';
import {
  joinedSchema,
  joinedView,
  participantSchema,
  participantView,
  statusSchema,
  statusView,
  waitingSchema,
} from './people-view.ts';
import { byId, type Pieces } from './pieces.ts';
import { isoSeconds } from './times.ts';

const strict = { additionalProperties: false };
const text = Type.String();
const leftSchema = Type.Object({ meeting_id: text, left_at: text, duration_minutes: Type.Integer() }, strict);
/** Somebody in a meeting, by their account's id in either spelling. */
const bySomebody = Type.Object({ id: Type.String(), user_id: Type.String() });
const roleChange = Type.Object({ role: Type.Enum(participantRoles) }, { examples: [{ role: 'co-host' }] });

export const peopleRoutes =
  (attendance: Attendance) =>
  (pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(ownRoutes(attendance, pieces));
    await app.register(roomRoutes(attendance, pieces));
    await app.register(hostRoutes(attendance, pieces));
  };

const ownRoutes =
  (attendance: Attendance, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/:id/join',
      {
        onRequest: [guard, limits.category('people')],
        schema: {
          summary: 'Join a meeting, or wait for a host to let you in',
          params: byId,
          body: Type.Union([joinDraft, Type.Null()], { examples: [{ device_type: 'desktop', join_muted: true }] }),
          response: { 200: answerSchema(joinedSchema), 202: waitingSchema },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { status, meetingId, participant } = await attendance.join(principalOf(request), id, request.body ?? {});
        if (status === 'joined') return success('Joined meeting successfully', joinedView(meetingId, participant));
        const details = { participant_id: ulidOf(participant.id), status };
        const said = errorBody('WAITING_ROOM_REQUIRED', 'Participant must wait for host approval', details);
        return reply.code(202).send({ ...said, code: 'WAITING_ROOM_REQUIRED', details });
      },
    );

    app.post(
      '/:id/leave',
      {
        onRequest: [guard, limits.category('people')],
        schema: {
          summary: 'Leave a meeting, or its waiting room',
          params: byId,
          response: { 200: answerSchema(leftSchema) },
        },
      },
      async (request) => {
        const { meetingId, leftAt, durationMinutes } = await attendance.leave(principalOf(request), request.params.id);
        return success('Left meeting successfully', {
          meeting_id: ulidOf(meetingId),
          left_at: isoSeconds(leftAt),
          duration_minutes: durationMinutes,
        });
      },
    );
  };

const roomRoutes =
  (attendance: Attendance, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/:id/participants',
      {
        onRequest: [guard, limits.category('people')],
        schema: {
          summary: 'Who is in a meeting, and for hosts who waits',
          params: byId,
          response: { 200: answerSchema(Type.Array(participantSchema)) },
        },
      },
      async (request) => {
        const people = await attendance.participants(principalOf(request), request.params.id);
        return success('Participants retrieved successfully', people.map(participantView));
      },
    );

    app.put(
      '/:id/participants/status',
      {
        onRequest: [guard, limits.category('status')],
        schema: {
          summary: 'Change your own status, or as a host switch something off for somebody else',
          params: byId,
          body: statusChange,
          response: { 200: answerSchema(statusSchema) },
        },
      },
      async (request) => {
        const now = await attendance.changeStatus(principalOf(request), request.params.id, request.body);
        return success('Participant status updated successfully', statusView(now));
      },
    );
  };

/** What a host does with one of the people: what is done, and what is said then. */
const acts = [
  ['admit', 'Let somebody in who waits, or may come again', 'Participant admitted successfully'],
  ['refuse', 'Send somebody away who waits', 'Participant refused successfully'],
  ['mute', 'Mute somebody', 'Participant muted successfully'],
  ['remove', 'Put somebody out', 'Participant removed successfully'],
] as const;

const hostRoutes =
  (attendance: Attendance, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const [act, summary, said] of acts) {
      app.post(
        `/:id/participants/:user_id/${act}`,
        {
          onRequest: [guard, limits.category('people')],
          schema: { summary, params: bySomebody, response: { 200: answerSchema(participantSchema) } },
        },
        async (request) => {
          const { id, user_id: userId } = request.params;
          return success(said, participantView(await attendance[act](principalOf(request), id, userId)));
        },
      );
    }

    app.put(
      '/:id/participants/:user_id/role',
      {
        onRequest: [guard, limits.category('people')],
        schema: {
          summary: 'Make somebody a co-host or an attendee, or hand the host role over',
          params: bySomebody,
          body: roleChange,
          response: { 200: answerSchema(participantSchema) },
        },
      },
      async (request) => {
        const { id, user_id: userId } = request.params;
        const { role } = request.body;
        const now = await attendance.setRole(principalOf(request), id, { userId, role });
        return success('Participant role updated successfully', participantView(now));
      },
    );
  };
