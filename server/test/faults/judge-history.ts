import type { Findings, Row, Send } from './findings.ts';

type Histories = ReadonlyMap<string, readonly Row[]>;

/** Is everything that was acknowledged there, once, with the id that was promised, and nothing else? */
export function judgeHistory(sends: ReadonlyMap<string, Send>, histories: Histories, findings: Findings): void {
  const rows = new Map<string, Row>();
  const ids = new Set<string>();
  for (const [conversation, history] of histories) {
    for (const row of history) {
      if (rows.has(row.key) || ids.has(row.id)) findings.add('twice in history', `${row.key} ${row.id}`);
      rows.set(row.key, row);
      ids.add(row.id);
      if (sends.get(row.key)?.conversation !== conversation) findings.add('in history but never sent', row.key);
      if (row.clientId !== undefined && row.clientId !== row.key) {
        findings.add('clientId in history is not its own', `${row.clientId} in place of ${row.key}`);
      }
    }
  }
  for (const send of sends.values()) judgeSend(send, rows.get(send.key), findings);
}

function judgeSend(send: Send, row: Row | undefined, findings: Findings): void {
  if (send.acknowledgedAt === undefined) return;
  if (row === undefined) findings.add('acknowledged but not in history', `${send.key} of ${send.sender}`);
  else if (send.ids.size > 1 || !send.ids.has(row.id)) {
    const told = [...send.ids].join(' and ');
    findings.add('acknowledged with two ids, or not the id in history', `${send.key}: ${told}; history: ${row.id}`);
  }
}

/** What was acknowledged before another send began must stand before it. */
export function judgeOrderOfSends(sends: ReadonlyMap<string, Send>, histories: Histories, findings: Findings): void {
  for (const history of histories.values()) {
    let latest: Send | undefined;
    for (const row of history) {
      const send = sends.get(row.key);
      if (send === undefined) continue;
      if (latest !== undefined && send.acknowledgedAt !== undefined && send.acknowledgedAt < latest.sentAt) {
        findings.add('history contradicts the order of sends', `${send.key} stands after ${latest.key}`);
      }
      if (latest === undefined || send.sentAt > latest.sentAt) latest = send;
    }
  }
}
