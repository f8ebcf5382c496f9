import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { numberedPages, pageOf, pagination } from '../../infra/http/page.ts';
import type { Search } from '../../modules/search/index.ts';
import { listSchema } from './envelope.ts';
import { messageSchema, viewFor } from './message-view.ts';
import type { Pieces } from './pieces.ts';

const searchQuery = Type.Object({
  query: Type.String({ minLength: 1, maxLength: 254 }),
  ...numberedPages.properties,
});

export const searchRoutes =
  (search: Search) =>
  ({ guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/messages/search',
      {
        onRequest: [guard],
        schema: { summary: 'Search messages', querystring: searchQuery, response: { 200: listSchema(messageSchema) } },
      },
      async (request) => {
        const principal = principalOf(request);
        const page = pageOf(request.query);
        const { messages, total, capped } = await search.messages(principal, request.query.query, page);
        const data = messages.map((message) => viewFor(principal.account, message));
        return { success: true as const, data, pagination: pagination(page, total, capped) };
      },
    );
  };
