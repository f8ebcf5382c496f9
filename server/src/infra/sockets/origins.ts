/** `'*'` admits every origin because no cookie ever counts here: the token must be given. */
export const isAllowedOrigin = (origin: string | undefined, origins: string[] | '*'): boolean =>
  origin === undefined || origins === '*' || origins.includes(origin);
