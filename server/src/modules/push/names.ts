/**
 * Names that clients take for the server's own word: those of Socket.IO's client, of the connection, and of the documented
 * events without a colon; `auth` and `system` so that nothing speaks as if it were the server.
 */
const reserved = new Set(
  [
    ...['connect', 'connect_error', 'connect_timeout', 'connecting', 'disconnect', 'disconnecting', 'connection'],
    ...['reconnect', 'reconnect_attempt', 'reconnecting', 'reconnect_error', 'reconnect_failed', 'reconnection'],
    ...['newListener', 'removeListener', 'open', 'close', 'packet', 'ping', 'pong', 'upgrade', 'handshake'],
    ...['error', 'connected', 'message', 'messageReceived', 'cursor', 'resync', 'auth', 'system', 'reply'],
    // What every object has: a client that keeps its handlers in one would find those.
    ...Object.getOwnPropertyNames(Object.prototype),
    'then',
  ].map(keyOf),
);

/** The colon and what looks like it: every name that has one belongs to the server. */
const colons = /[:\u02D0\u02F8\u0589\u05C3\u0703\u0704\u1361\u1804\u205A\u2236\uA789\uFE13\uFE55\uFF1A]/u;
/** Controls, what is not seen, and line ends: no client could tell such a name from the one without. */
const unseen = /[\p{C}\p{Zl}\p{Zp}]/u;
const latin = /\p{Script=Latin}/u;
/** Scripts with letters of Latin shape. */
const alike = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Lisu}]/u;

/**
 * Whether a push may carry this name. A reserved one is refused in every spelling that a person, or a client that folds
 * case or width, could take for it: other case, spaces and punctuation, accents, full width, letters of another script.
 */
export function isFreeName(name: string): boolean {
  if (colons.test(name) || unseen.test(name) || name.trim() !== name) return false;
  if (latin.test(name) && alike.test(name)) return false;
  const key = keyOf(name);
  return key !== '' && !reserved.has(key);
}

/** What is left of a name without case, width, accents, spaces and punctuation. */
function keyOf(name: string): string {
  const letters = name.normalize('NFKD').replaceAll(/[^\p{L}\p{N}]/gu, '');
  return letters.toUpperCase().toLowerCase();
}
