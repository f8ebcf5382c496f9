/** Reading what the server says: nothing is trusted to have a shape before it was looked at. */

export type Json = Readonly<Record<string, unknown>>;

export type Message = Readonly<{
  id: string;
  key: string;
  conversation: string;
  clientId: string | undefined;
}>;

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function text(from: unknown, field: string): string {
  const value = isJson(from) ? from[field] : undefined;
  if (typeof value !== 'string') throw new Error(`no text "${field}" in ${JSON.stringify(from)?.slice(0, 300)}`);
  return value;
}

export const directConversation = (one: string, other: string): string => `direct ${[one, other].sort().join(' ')}`;
export const groupConversation = (group: string): string => `group ${group}`;

/** Every content these runs write begins with the key, followed by a blank and what else shall travel. */
export const contentFor = (key: string, rest = ''): string => `${key} ${rest}`;

export function readMessage(value: unknown): Message {
  const content = text(value, 'content');
  const end = content.indexOf(' ');
  const group = isJson(value) ? value['groupId'] : undefined;
  const clientId = isJson(value) ? value['clientId'] : undefined;
  return {
    id: text(value, 'id'),
    key: end === -1 ? content : content.slice(0, end),
    conversation:
      typeof group === 'string'
        ? groupConversation(group)
        : directConversation(text(value, 'senderId'), text(value, 'receiverId')),
    clientId: typeof clientId === 'string' ? clientId : undefined,
  };
}

/** The number in an offset `<epoch>.<seq>`. */
export function seqOf(offset: unknown): number | undefined {
  if (typeof offset !== 'string') return undefined;
  const seq = Number(offset.slice(offset.lastIndexOf('.') + 1));
  return offset.includes('.') && Number.isSafeInteger(seq) ? seq : undefined;
}
