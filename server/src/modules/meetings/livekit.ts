import { AccessToken, RoomServiceClient, TrackSource, TwirpError, type VideoGrant } from 'livekit-server-sdk';
import { ulidOf } from '../../kernel/ulid.ts';

/** Where the LiveKit server is and what signs the way in; what is not set is `undefined`. */
export type LiveKitSettings = Readonly<{
  LIVEKIT_URL: string | undefined;
  LIVEKIT_API_KEY: string | undefined;
  LIVEKIT_API_SECRET: string | undefined;
}>;

/**
 * How long a way in is good for, in seconds. LiveKit looks at the end when somebody connects, and not again: the shorter it
 * is, the less a token helps somebody who was removed.
 */
export const entrySeconds = 600;

/** Whom a room shows, and what they may do there. */
export type Guest = Readonly<{
  id: string;
  name: string;
  mayShareScreen: boolean;
  mayUseCamera: boolean;
  mayWrite: boolean;
  mayRecord: boolean;
}>;

/** One LiveKit server. A meeting's room has the meeting's id for its name, and an account its own: both as ULID. */
export class LiveKit {
  /** For clients: ws or wss. */
  readonly url: string;
  readonly #key: string;
  readonly #secret: string;
  readonly #rooms: RoomServiceClient;

  constructor({ url, key, secret }: { url: string; key: string; secret: string }) {
    this.url = url.replace(/^http/, 'ws');
    this.#key = key;
    this.#secret = secret;
    // Of one address; jobs try again.
    const options = { requestTimeout: 10, failover: false };
    this.#rooms = new RoomServiceClient(url.replace(/^ws/, 'http'), key, secret, options);
  }

  /** Into exactly this room, as exactly this person, with nothing that is not listed. */
  sign(meetingId: string, guest: Guest): Promise<string> {
    const token = new AccessToken(this.#key, this.#secret, {
      identity: ulidOf(guest.id),
      name: guest.name,
      ttl: entrySeconds,
    });
    token.addGrant(grantOf(ulidOf(meetingId), guest));
    return token.toJwt();
  }

  /** Whoever is not in the room is out of it, too. Ways in that were made before `at` are good for nothing any more. */
  async remove(meetingId: string, userId: string, at: number): Promise<void> {
    const revokeTokenTs = BigInt(Math.floor(at / 1_000) + 1);
    await unlessGone(this.#rooms.removeParticipant(ulidOf(meetingId), ulidOf(userId), { revokeTokenTs }));
  }

  /** Ends the room, for everybody in it. */
  async end(meetingId: string): Promise<void> {
    await unlessGone(this.#rooms.deleteRoom(ulidOf(meetingId)));
  }
}

function grantOf(room: string, { mayShareScreen, mayUseCamera, mayWrite, mayRecord }: Guest): VideoGrant {
  const canPublishSources = [
    TrackSource.MICROPHONE,
    ...(mayUseCamera ? [TrackSource.CAMERA] : []),
    ...(mayShareScreen ? [TrackSource.SCREEN_SHARE, TrackSource.SCREEN_SHARE_AUDIO] : []),
  ];
  return {
    room,
    roomJoin: true,
    canPublish: true,
    canPublishSources,
    canSubscribe: true,
    // What LiveKit carries beside sound and pictures is text of clients: a way round the policy for the chat.
    canPublishData: mayWrite,
    canUpdateOwnMetadata: false,
    ...(mayRecord ? { roomRecord: true } : {}),
  };
}

async function unlessGone(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    // Not any 404: an address at which no LiveKit answers is no sign that somebody is out.
    if (!(error instanceof TwirpError && error.code === 'not_found')) throw error;
  }
}

/** The settings of these that are missing. */
export const missingOf = (settings: LiveKitSettings): string[] =>
  Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [name] : []));

/** `undefined` as long as not all of it is set. */
export function liveKitOf({ LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET }: LiveKitSettings): LiveKit | undefined {
  if (LIVEKIT_URL === undefined || LIVEKIT_API_KEY === undefined || LIVEKIT_API_SECRET === undefined) return undefined;
  return new LiveKit({ url: LIVEKIT_URL, key: LIVEKIT_API_KEY, secret: LIVEKIT_API_SECRET });
}
