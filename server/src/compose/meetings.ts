import { later } from '../kernel/clock.ts';
import type { DeletePart, Identity } from '../modules/identity/index.ts';
import { Attendance, HostWatch, MeetingReactions, Meetings, Standings } from '../modules/meetings/index.ts';
import type { Ground } from './ground.ts';

type Needs = { identity: Identity; isConnected: (id: string) => boolean; deleteParts: DeletePart[] };

/** The modules of meetings. */
export function buildMeetings(ground: Ground, { identity, isConnected, deleteParts }: Needs) {
  const { config, storage, limits, clock, bus, jobs, onFailure } = ground;
  const { sql, log } = storage;
  const patience = config.MEETING_HOST_AWAY * 1_000;
  const hostWatch = new HostWatch({ sql, log, clock, jobs, later, isConnected, onFailure, patience });
  const { passwords } = identity;
  const meetings = new Meetings({ sql, log, clock, jobs, passwords, hosts: hostWatch });
  const whenEmpty: Meetings['whenEmpty'] = (held, at) => meetings.whenEmpty(held, at);
  const attendance = new Attendance({ sql, log, clock, limits, passwords, hosts: hostWatch, whenEmpty });
  deleteParts.push(
    (transaction, who) => attendance.leaveAll(transaction, who),
    (transaction, who) => meetings.forgetPlans(transaction, who),
  );
  const standings = new Standings(sql);
  const meetingReactions = new MeetingReactions({ standings, clock, signal: (signal) => bus.signal(signal) });
  return { meetings, hostWatch, attendance, standings, meetingReactions };
}
