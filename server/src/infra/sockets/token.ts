import type { IncomingHttpHeaders } from 'node:http';

export type Handshake = { auth?: unknown; headers: IncomingHttpHeaders; query?: unknown };

/**
 * The token of a handshake, wherever a contract puts it: `auth.token`, an Authorization header, the query parameters
 * `token` or `access_token`, or a subprotocol `bearer, <token>`. A leading "Bearer " is optional everywhere.
 */
export function tokenOf({ auth, headers, query }: Handshake): string | undefined {
  const fields = typeof query === 'object' && query !== null ? (query as Record<string, unknown>) : {};
  const candidates = [auth, headers.authorization, fields.token, fields.access_token, subprotocolToken(headers)];
  const given = candidates.find((value) => typeof value === 'string' && value !== '');
  return typeof given === 'string' ? given.replace(/^bearer\s+/i, '') : undefined;
}

function subprotocolToken(headers: IncomingHttpHeaders): string | undefined {
  const [scheme, token] = (headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim());
  return scheme?.toLowerCase() === 'bearer' ? token : undefined;
}
