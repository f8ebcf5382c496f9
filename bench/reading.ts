/** The load of `receipts`: messages of one group, each read by everybody else at once. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import { cpuMicros } from './process.ts';

export interface ReadingOptions {
  groupId: string;
  messages: number;
  /** The first so many readers say it over REST, with these tokens. */
  rest: { api: string; tokens: string[] };
  serverPid: number;
}

/** From the first receipt until the writer hears nothing more. CPU in microseconds. */
export interface ReadingResult {
  receipts: number;
  serverCpuMicros: number;
  /** `message:status` events that the writer got. */
  statuses: number;
  faults: string[];
}

interface Told {
  began: number;
  statuses: number;
  seen: number;
}

const PATIENCE_MS = 30_000;
/** A sender may be told once more what they know; this is longer than they wait for it. */
const QUIET_MS = 1_500;
const ID = /"id":"([0-9a-f-]{36})"/;

/** The first member writes. The group must be larger than those in which the writer hears names instead of counts. */
export async function readAll(members: Client[], options: ReadingOptions): Promise<ReadingResult> {
  const [writer, ...readers] = members;
  if (!writer) throw new Error('a group needs members');
  const faults: string[] = [];
  const ids = await writeAll(writer, readers, options);
  const told = new Map<string, Told>(ids.map((id) => [id, { began: 0, statuses: 0, seen: 0 }]));
  const complete = listen(writer, told, { readers: readers.length, faults });
  for (const reader of readers) {
    reader.onFrame = (frame) => {
      if (frame.startsWith('42["message:')) faults.push(`a reader got ${frame}`);
    };
  }
  const cpuBefore = cpuMicros(options.serverPid);
  for (const id of ids) {
    const about = told.get(id);
    if (about) about.began = performance.now();
    await readOne(id, readers, { ...options, faults });
  }
  await patiently(complete, 'the last status of each message');
  await sleep(QUIET_MS);
  return {
    receipts: ids.length * readers.length,
    serverCpuMicros: cpuMicros(options.serverPid) - cpuBefore,
    statuses: [...told.values()].reduce((sum, { statuses }) => sum + statuses, 0),
    faults: faults.slice(0, 3),
  };
}

/** Writes them one after the other; resolves with their ids when everybody has the last. */
async function writeAll(writer: Client, readers: Client[], { groupId, messages }: ReadingOptions): Promise<string[]> {
  const mark = randomUUID().slice(0, 8);
  const ids: string[] = [];
  const arrived = [writer, ...readers].map(
    (member) =>
      new Promise<void>((resolve) => {
        let missing = messages;
        member.onFrame = (frame) => {
          if (!frame.startsWith('42["message:received"') || !frame.includes(mark)) return;
          if (member === writer) ids.push(ID.exec(frame)?.[1] ?? '');
          missing -= 1;
          if (missing === 0) resolve();
        };
      }),
  );
  for (let number = 0; number < messages; number += 1) {
    writer.send(`42["message:send",${JSON.stringify({ content: `${mark} ${number}`, type: 'TEXT', groupId })}]`);
  }
  await patiently(Promise.all(arrived), 'a message at every member');
  return ids;
}

/** Counts what the writer hears; resolves when of each message it has heard that all have seen it. */
function listen(
  writer: Client,
  told: Map<string, Told>,
  { readers, faults }: { readers: number; faults: string[] },
): Promise<void> {
  let missing = told.size;
  return new Promise((resolve) => {
    writer.onFrame = (frame) => {
      if (!frame.startsWith('42["message:status"')) return;
      const [, body] = JSON.parse(frame.slice(2)) as [string, { messageId: string; seen?: number }];
      const about = told.get(body.messageId);
      const seen = body.seen ?? -1;
      if (!about || seen < about.seen) {
        faults.push(`the writer got ${frame} after ${about?.seen} had seen it`);
        return;
      }
      about.statuses += 1;
      // One at once, and one at the end of each second that has begun.
      const most = 2 + Math.floor((performance.now() - about.began) / 1000);
      if (about.statuses > most) faults.push(`the writer got ${about.statuses} of ${body.messageId} in ${most - 1} s`);
      if (seen === readers && about.seen < readers) missing -= 1;
      about.seen = seen;
      if (missing === 0) resolve();
    };
  });
}

type Reading = Pick<ReadingOptions, 'rest'> & { faults: string[] };

/** Everybody says at once that they have seen it; resolves when all were answered. */
async function readOne(id: string, readers: Client[], { rest, faults }: Reading): Promise<void> {
  const answers = readers.map(async (reader, index) => {
    const token = rest.tokens[index];
    const answer = token === undefined ? await bySocket(reader, id) : await byRest(`${rest.api}/messages/${id}`, token);
    if (!answer.includes('"success":true')) faults.push(`a reader was answered ${answer}`);
  });
  await patiently(Promise.all(answers), 'an answer to every receipt');
}

function bySocket(reader: Client, messageId: string): Promise<string> {
  return new Promise((resolve) => {
    const before = reader.onFrame;
    reader.onFrame = (frame) => {
      if (!frame.startsWith('430')) return before(frame);
      reader.onFrame = before;
      resolve(frame);
    };
    reader.send(`420${JSON.stringify(['message:seen', { messageId }])}`);
  });
}

async function byRest(message: string, token: string): Promise<string> {
  const response = await fetch(`${message}/seen`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  return response.text();
}

function patiently<Result>(promise: Promise<Result>, what: string): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${what} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
