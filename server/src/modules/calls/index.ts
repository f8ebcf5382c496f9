export { Calls } from './calls.ts';
export { type CallEnded, type CallMoved, type CallStarted, callEvents } from './events.ts';
export { JitsiRooms } from './jitsi.ts';
export { callMigrations } from './migrations.ts';
export {
  type Call,
  type CallWithParticipants,
  callDraft,
  callStatuses,
  callTypes,
  type Entry,
  personStates,
} from './schema.ts';
