import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { keyHeader, keyOf } from '../../infra/http/key.ts';
import { numberedPages, pageOf } from '../../infra/http/page.ts';
import { type Meetings, meetingChange, meetingDraft, meetingFilter } from '../../modules/meetings/index.ts';
import { answerSchema, success } from './envelope.ts';
import {
  endedSchema,
  endedView,
  meetingListSchema,
  meetingListView,
  meetingSchema,
  meetingView,
  startedSchema,
  startedView,
  statusSchema,
  statusView,
} from './meeting-view.ts';
import { byId, type Pieces } from './pieces.ts';

const listQuery = Type.Object({ ...numberedPages.properties, ...meetingFilter.properties });
const calendarType = 'text/calendar';

/** The life of meetings, from the plan to the end. */
export const meetingRoutes =
  (meetings: Meetings) =>
  (pieces: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(listRoutes(meetings, pieces));
    await app.register(planRoutes(meetings, pieces));
    await app.register(calendarRoute(meetings, pieces));
    await app.register(courseRoutes(meetings, pieces));
  };

const listRoutes =
  (meetings: Meetings, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    const onRequest = [guard, limits.category('management')];

    app.post(
      '',
      {
        onRequest,
        schema: {
          summary: 'Plan a meeting, whose host you are',
          headers: keyHeader,
          body: meetingDraft,
          response: { 200: answerSchema(meetingSchema) },
        },
      },
      async (request) => {
        const key = request.body.client_id ?? keyOf(request);
        const made = await meetings.create(principalOf(request), request.body, key);
        return success('Meeting created successfully', meetingView(made));
      },
    );

    app.get(
      '',
      {
        onRequest,
        schema: {
          summary: 'Meetings that you planned, host, were invited to or were in, the newest first',
          querystring: listQuery,
          response: { 200: answerSchema(meetingListSchema) },
        },
      },
      async (request) => {
        const page = pageOf(request.query);
        const found = await meetings.list(principalOf(request), request.query, page);
        return success('Meetings retrieved successfully', meetingListView(found, page));
      },
    );
  };

const planRoutes =
  (meetings: Meetings, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    const onRequest = [guard, limits.category('management')];
    const response = { 200: answerSchema(meetingSchema) };

    app.get(
      '/:id',
      {
        onRequest,
        schema: { summary: 'A meeting, and for its hosts the policy and who is invited', params: byId, response },
      },
      async (request) => {
        const found = await meetings.read(principalOf(request), request.params.id);
        return success('Meeting retrieved successfully', meetingView(found));
      },
    );

    app.patch(
      '/:id',
      {
        onRequest,
        schema: {
          summary: 'Change a meeting; those who are invited are those that are named',
          params: byId,
          body: meetingChange,
          response,
        },
      },
      async (request) => {
        const changed = await meetings.update(principalOf(request), request.params.id, request.body);
        return success('Meeting updated successfully', meetingView(changed));
      },
    );

    app.delete(
      '/:id',
      { onRequest, schema: { summary: 'Cancel a meeting that has not begun', params: byId, response } },
      async (request) => {
        const cancelled = await meetings.cancel(principalOf(request), request.params.id);
        return success('Meeting cancelled successfully', meetingView(cancelled));
      },
    );
  };

const calendarRoute =
  (meetings: Meetings, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/:id/calendar.ics',
      {
        onRequest: [guard, limits.category('management')],
        schema: {
          summary: 'A meeting as a file for calendars (RFC 5545)',
          params: byId,
          response: { 200: { description: 'The file', content: { [calendarType]: { schema: Type.String() } } } },
        },
      },
      async (request, reply) => {
        const file = await meetings.calendar(principalOf(request), request.params.id);
        return reply
          .header('content-disposition', 'attachment; filename="meeting.ics"')
          .type(`${calendarType}; charset=utf-8`)
          .send(file);
      },
    );
  };

const courseRoutes =
  (meetings: Meetings, { guard, limits }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    const onRequest = [guard, limits.category('management')];

    app.post(
      '/:id/start',
      {
        onRequest,
        schema: { summary: 'Start a meeting', params: byId, response: { 200: answerSchema(startedSchema) } },
      },
      async (request) => {
        const started = await meetings.start(principalOf(request), request.params.id);
        return success('Meeting started successfully', startedView(started));
      },
    );

    app.post(
      '/:id/end',
      {
        onRequest,
        schema: { summary: 'End a meeting for everybody', params: byId, response: { 200: answerSchema(endedSchema) } },
      },
      async (request) => {
        const ended = await meetings.end(principalOf(request), request.params.id);
        return success('Meeting ended successfully', endedView(ended));
      },
    );

    app.get(
      '/:id/status',
      {
        onRequest,
        schema: {
          summary: 'How a meeting stands, in figures',
          params: byId,
          response: { 200: answerSchema(statusSchema) },
        },
      },
      async (request) => {
        const found = await meetings.status(principalOf(request), request.params.id);
        return success('Meeting status retrieved successfully', statusView(found));
      },
    );
  };
