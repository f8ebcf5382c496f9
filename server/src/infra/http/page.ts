import { Type } from 'typebox';
import type { Page } from '../../kernel/page.ts';

const wholeNumber = (description: string) =>
  Type.String({ pattern: '^[1-9]\\d{0,8}$', 'x-fault': 'must be a whole number from 1 on', description });
const place = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

/** Query of every list: pages are counted from 1, a limit above 100 counts as 100. */
export const pageQuery = Type.Object({
  page: Type.Optional(wholeNumber('Which page: 1 is the first, and what is shown without it')),
  limit: Type.Optional(wholeNumber('How many on a page: 20 without it, 100 at most')),
  before: Type.Optional(place('Instead of a page: what is older than the one with this id')),
  after: Type.Optional(place('Instead of a page: what is newer than the one with this id')),
});

/** The same for lists that have pages by their number only. */
export const numberedPages = Type.Pick(pageQuery, ['page', 'limit']);

const largestPage = 100;

type Query = { page?: string; limit?: string; before?: string; after?: string };

export function pageOf({ page, limit, before, after }: Query): Page {
  return {
    page: Number(page ?? 1),
    limit: Math.min(Number(limit ?? 20), largestPage),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

export const paginationSchema = Type.Object(
  {
    page: Type.Integer(),
    limit: Type.Integer(),
    total: Type.Integer(),
    totalPages: Type.Integer(),
    capped: Type.Optional(Type.Literal(true)),
  },
  { additionalProperties: false },
);

/** `capped`: a search stopped counting, there are more than `total`. */
export const pagination = ({ page, limit }: Page, total: number, capped = false) => ({
  page,
  limit,
  total,
  totalPages: Math.ceil(total / limit),
  ...(capped ? { capped: true as const } : {}),
});
