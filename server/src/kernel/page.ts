/** Where a list begins: a page number, from 1, or the id of an entry before or after which it lies. */
export type Page = Readonly<{ page: number; limit: number; before?: string; after?: string }>;
