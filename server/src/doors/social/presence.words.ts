import type { PublicProfile } from '../../modules/identity/index.ts';
import { type PresenceChanged, presenceSignals, type TypingChanged } from '../../modules/presence/index.ts';
import { userView } from './user.ts';
import { type SignalWords, toAll } from './words.ts';

export const presenceSignalWords: SignalWords = [
  [presenceSignals.online, (body: PresenceChanged) => toAll('user:online', body, null)],
  [presenceSignals.offline, (body: PresenceChanged) => toAll('user:offline', body, null)],
  [presenceSignals.profile, (body: PublicProfile) => toAll('user:updated', userView(body), null)],
  [presenceSignals.typingStarted, (body: TypingChanged) => toAll('typing:start', body, null)],
  [presenceSignals.typingStopped, (body: TypingChanged) => toAll('typing:stop', body, null)],
];
