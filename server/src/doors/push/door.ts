import type { SocketDoor } from '../../infra/sockets/sockets.ts';
import { pushEvents } from './push.events.ts';
import { type PushRouteNeeds, pushRoutes } from './push.routes.ts';
import { pushWords } from './push.words.ts';

export type PushDoorNeeds = PushRouteNeeds & Parameters<typeof pushEvents>[0];

/** The push door: routes to be registered under `/api/gateway`, and its part of the default namespace. */
export const pushDoor = (
  needs: PushDoorNeeds,
): Pick<SocketDoor, 'events' | 'words'> & { routes: ReturnType<typeof pushRoutes> } => ({
  routes: pushRoutes(needs),
  events: pushEvents(needs),
  words: pushWords,
});
