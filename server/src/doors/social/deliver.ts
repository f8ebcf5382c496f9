import type { Signal } from '../../infra/delivery/signal.ts';
import type { Words } from '../../infra/delivery/wire-event.ts';
import type { Row } from '../../infra/log/log.ts';
import { callRowWords } from './calls.words.ts';
import { groupRowWords } from './groups.words.ts';
import { messageRowWords, messageSignalWords } from './messages.words.ts';
import { presenceSignalWords } from './presence.words.ts';
import type { SignalWords } from './words.ts';

/** This door's words for the log and for signals. What is not listed here is nothing on this door's wire. */
const rows = new Map([...messageRowWords, ...callRowWords, ...groupRowWords]);
const signals = new Map<string, SignalWords[number][1]>([...messageSignalWords, ...presenceSignalWords]);

export const words: Words = {
  // A row whose payload was emptied stays as a number only.
  row: ({ type, body }: Row, offset) => (body === null ? null : (rows.get(type)?.(body as never, offset) ?? null)),
  signal: ({ type, body }: Signal) => signals.get(type)?.(body as never) ?? null,
};
