import type { Findings, Reader, Row } from './findings.ts';

/** Did this socket see exactly what history tells, once and in its order, over all its connections? */
export function judgeReader(reader: Reader, histories: ReadonlyMap<string, readonly Row[]>, findings: Findings): void {
  for (const conversation of reader.conversations) {
    judgeConversation(reader, conversation, histories.get(conversation) ?? [], findings);
  }
  findings.add('offset went backwards at a reader', reader.name, reader.backwards);
  findings.add('reconnected without being recovered', reader.name, reader.unrecovered);
}

function judgeConversation(reader: Reader, conversation: string, history: readonly Row[], findings: Findings): void {
  const places = new Map(history.map((row, place) => [row.key, place]));
  const seen = new Set<string>();
  let last = -1;
  for (const message of reader.seen) {
    if (message.conversation !== conversation) continue;
    const where = `${message.key} at ${reader.name}`;
    const place = places.get(message.key);
    if (seen.has(message.key)) findings.add('twice at a reader', where);
    else if (place === undefined || history[place]?.id !== message.id) findings.add('shown but not in history', where);
    else if (place < last) findings.add('out of order at a reader', where);
    seen.add(message.key);
    last = Math.max(last, place ?? -1);
  }
  for (const row of history) {
    if (!seen.has(row.key)) findings.add('missed by a reader', `${row.key} at ${reader.name}`);
  }
}
