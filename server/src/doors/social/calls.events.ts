import { Type } from 'typebox';
import { compileCheck } from '../../kernel/schema.ts';
import { type Calls, callDraft } from '../../modules/calls/index.ts';
import { entryView } from './call-view.ts';
import type { EventTable } from './events.ts';
import type { SocialLimits } from './limits.ts';

export type CallEventNeeds = Readonly<{ calls: Calls; limits: SocialLimits }>;

const oneCall = Type.Object({ callId: Type.String({ minLength: 1, maxLength: 64 }) });

/** Who begins or answers a call hears the way in as an event too, on this connection only: nobody else may have it. */
export function callEvents({ calls, limits }: CallEventNeeds): EventTable {
  const checkDraft = compileCheck(callDraft);
  const checkCall = compileCheck(oneCall);
  return [
    [
      'call:initiate',
      async ({ principal, emit }, input) => {
        const draft = checkDraft(input);
        await limits.takeCall(principal);
        const data = entryView(await calls.start(principal, draft, draft.clientId ?? null));
        emit('call:initiate', data);
        return () => data;
      },
    ],
    [
      'call:answer',
      async ({ principal, emit }, input) => {
        const { callId } = checkCall(input);
        await limits.takeCall(principal);
        const data = entryView(await calls.join(principal, callId));
        emit('call:answer', data);
        return () => data;
      },
    ],
    [
      'call:reject',
      async ({ principal }, input) => {
        const { callId } = checkCall(input);
        await limits.takeCall(principal);
        const { id } = await calls.reject(principal, callId);
        return () => ({ id, status: 'REJECTED' });
      },
    ],
    [
      'call:end',
      async ({ principal }, input) => {
        const { callId } = checkCall(input);
        await limits.takeCall(principal);
        const { id } = await calls.end(principal, callId);
        return () => ({ callId: id });
      },
    ],
    [
      'call:participant:leave',
      async ({ principal }, input) => {
        const { callId } = checkCall(input);
        await limits.takeCall(principal);
        await calls.leave(principal, callId);
        return () => null;
      },
    ],
  ];
}
