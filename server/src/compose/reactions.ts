import { accountOf } from '../infra/log/topic.ts';
import { groupEvents } from '../modules/groups/index.ts';
import {
  type BlockChanged,
  identityEvents,
  type RoleChanged,
  type SessionsRevoked,
} from '../modules/identity/index.ts';
import { followChanges } from '../modules/messaging/index.ts';
import type { Live } from './live.ts';
import type { Modules } from './modules.ts';

type Needs = { live: Live; modules: Modules; onFailure: (error: unknown) => void };

/** What happens on every node when a row passes, or when somebody comes and goes. */
export function wireReactions({ live: { delivery, recent, hub }, modules, onFailure }: Needs): void {
  const { search, presence, typing, hostWatch, liveKitDepartures } = modules;
  followChanges(delivery, recent);
  search.follow(delivery);
  liveKitDepartures?.follow(delivery);
  delivery.react(identityEvents.sessionsRevoked, ({ body }) =>
    hub.endSessions((body as SessionsRevoked).sessions, 'The login session has ended'),
  );
  delivery.react(identityEvents.roleChanged, ({ topic, body }) =>
    hub.renew(accountOf(topic), (body as RoleChanged).role, 'The role has changed'),
  );
  hub.onOnline = (who, online) => presence.note(who, online);
  hub.onConnected = (who, connected) => hostWatch.note(who, connected);
  hub.onConnected = (who, connected) => hostWatch.note(who, connected);
  const { memberAdded, memberRemoved, deleted } = groupEvents;
  for (const type of [memberAdded, memberRemoved, deleted, identityEvents.blocked, identityEvents.unblocked]) {
    delivery.react(type, () => typing.forget());
  }
  for (const type of [identityEvents.updated, identityEvents.deleted]) {
    delivery.react(type, ({ topic }) => presence.tellProfile(accountOf(topic)));
  }
  for (const type of [identityEvents.blocked, identityEvents.unblocked]) {
    delivery.react(type, ({ topic, body }) => {
      const { account: to } = body as BlockChanged;
      presence.show(accountOf(topic), { to, shown: type === identityEvents.unblocked }).catch(onFailure);
    });
  }
}
