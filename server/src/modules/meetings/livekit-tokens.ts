import type { Sql, Statement } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingErrors } from './errors.ts';
import { type Guest, type LiveKit, type LiveKitSettings, missingOf } from './livekit.ts';
import { isHostOf, type MeetingRow, mustBeActive, type PersonRow, permits, policyOf, type RoomRow } from './store.ts';

type Found = Pick<MeetingRow, 'public_id' | 'host' | 'creator' | 'policy' | 'status'> & {
  [Column in keyof Own]: Own[Column] | null;
} & { username: string; allow_chat: RoomRow['allow_chat'] | null; allow_screen_share: RoomRow['allow_chat'] | null };
type Own = { role: PersonRow['role']; own_status: PersonRow['status'] };

/** A way into the LiveKit room of a meeting, and whom it is for. */
export type LiveKitEntry = Readonly<{
  token: string;
  meetingId: string;
  userId: string;
  userName: string;
  isHost: boolean;
  url: string;
}>;

/** Ways into the rooms of a LiveKit server, where the sound and the pictures of meetings are. */
export class LiveKitTokens {
  readonly #settings: LiveKitSettings;
  readonly #liveKit: LiveKit | undefined;
  readonly #found: Statement<Found>;

  constructor({ sql, settings, liveKit }: { sql: Sql; settings: LiveKitSettings; liveKit: LiveKit | undefined }) {
    this.#settings = settings;
    this.#liveKit = liveKit;
    this.#found = sql.statement<Found>(
      `SELECT m.public_id, m.host, m.creator, m.policy, m.status, p.role, p.status AS own_status, a.username,
         r.allow_chat, r.allow_screen_share
       FROM meetings m JOIN accounts a ON a.id = ?2
       LEFT JOIN meeting_people p ON p.meeting = m.id AND p.account = ?2
       LEFT JOIN meeting_rooms r ON r.id = p.room WHERE m.public_id = ?1`,
    );
  }

  /**
   * For the caller and nobody else; `forId` may only name them. Refuses: MEETING_NOT_FOUND, NO_TOKEN_FOR_OTHERS, ENDED,
   * CANCELLED, NOT_ACTIVE, NOT_JOINED (who waits, has left, was removed or is blocked), LIVEKIT_NOT_SET_UP, LIVEKIT_FAILED.
   */
  async make(principal: Principal, id: string, forId: string | null): Promise<LiveKitEntry> {
    const bytes = anyIdBytes(id);
    const found = bytes === undefined ? undefined : await this.#found.get(bytes, principal.account);
    if (bytes === undefined || found === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    const { role, own_status: status } = found;
    const own = role === null || status === null ? undefined : { role, status };
    const isHost = isHostOf(found, own, principal);
    if (own === undefined && !isHost) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    if (forId !== null && !isSame(forId, principal.id)) throw new Refusal(meetingErrors.NO_TOKEN_FOR_OTHERS);
    mustBeActive({ meeting: found });
    const policy = policyOf(found);
    if (own?.status !== 'joined' || (!isHost && policy.blockedUsers.includes(principal.account))) {
      throw new Refusal(meetingErrors.NOT_JOINED);
    }
    const meetingId = idText(bytes);
    const guest: Guest = {
      id: principal.id,
      name: found.username,
      mayShareScreen: permits(policy.screenShare, isHost) && found.allow_screen_share !== 0,
      mayUseCamera: !policy.disableCamera,
      mayWrite: permits(policy.chat, isHost) && found.allow_chat !== 0,
      mayRecord: permits(policy.recording, isHost),
    };
    const { url, token } = await this.#sign(meetingId, guest);
    return { token, meetingId, userId: principal.id, userName: found.username, isHost, url };
  }

  async #sign(meetingId: string, guest: Guest): Promise<{ url: string; token: string }> {
    const server = this.#server();
    try {
      return { url: server.url, token: await server.sign(meetingId, guest) };
    } catch (cause) {
      throw new Refusal(meetingErrors.LIVEKIT_FAILED, { cause });
    }
  }

  #server(): LiveKit {
    if (this.#liveKit !== undefined) return this.#liveKit;
    const names = missingOf(this.#settings).join(', ');
    throw new Refusal(meetingErrors.LIVEKIT_NOT_SET_UP, {
      message: `${meetingErrors.LIVEKIT_NOT_SET_UP.message}: these settings are missing: ${names}`,
    });
  }
}

function isSame(named: string, id: string): boolean {
  const bytes = anyIdBytes(named);
  return bytes !== undefined && idText(bytes) === id;
}
