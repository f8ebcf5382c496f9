import type { EventHandler } from '../../infra/sockets/sockets.ts';
import { type Clock, isoTime } from '../../kernel/clock.ts';
import { isShallow } from '../../kernel/depth.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { PushLimits } from './limits.ts';

export type PushEventNeeds = Readonly<{ limits: Pick<PushLimits, 'takeMessage'>; clock: Clock }>;

/** Bytes of what a client says, as JSON. */
const largest = 16_384;
const deepest = 32;

/** What clients may emit: `message`, which is answered with `messageReceived` and goes to nobody else. */
export function pushEvents({ limits, clock }: PushEventNeeds): ReadonlyMap<string, EventHandler> {
  const message: EventHandler = async ({ principal, emit }, input) => {
    if (!isShallow(input, deepest)) {
      throw new Refusal(commonErrors.INVALID_INPUT, { message: `A message may be nested ${deepest} levels deep` });
    }
    if (Buffer.byteLength(JSON.stringify(input) ?? '') > largest) {
      throw new Refusal(commonErrors.TOO_LARGE, { message: `A message may have ${largest} bytes` });
    }
    const counting = limits.takeMessage(principal);
    if (counting !== undefined) await counting;
    const data = { receivedMessage: messageIn(input) ?? null, timestamp: isoTime(clock.now()) };
    emit('messageReceived', { success: true, message: 'Message received by server', data });
    return () => data;
  };
  return new Map([['message', message]]);
}

const messageIn = (input: unknown): unknown =>
  typeof input === 'object' && input !== null && 'message' in input ? input.message : input;
