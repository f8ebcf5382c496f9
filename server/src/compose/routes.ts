import type { Config } from '../config.ts';
import { breakoutRoutes } from '../doors/meetings/breakouts.routes.ts';
import { chatRoutes } from '../doors/meetings/chat.routes.ts';
import { meetingsEnvelope } from '../doors/meetings/envelope.ts';
import type { MeetingsLimits } from '../doors/meetings/limits.ts';
import { meetingRoutes } from '../doors/meetings/meetings.routes.ts';
import { peopleRoutes } from '../doors/meetings/people.routes.ts';
import { policyRoutes } from '../doors/meetings/policy.routes.ts';
import { meetingsRoutes } from '../doors/meetings/routes.ts';
import { tokenRoutes } from '../doors/meetings/token.routes.ts';
import type { pushDoor } from '../doors/push/door.ts';
import { pushEnvelope } from '../doors/push/envelope.ts';
import { describeApi } from '../doors/social/api-docs.ts';
import { callRoutes } from '../doors/social/calls.routes.ts';
import { socialEnvelope } from '../doors/social/envelope.ts';
import { groupRoutes } from '../doors/social/groups.routes.ts';
import { healthRoutes } from '../doors/social/health.routes.ts';
import type { SocialLimits } from '../doors/social/limits.ts';
import { memberRoutes } from '../doors/social/members.routes.ts';
import { messageRoutes } from '../doors/social/messages.routes.ts';
import { metricsRoutes } from '../doors/social/metrics.routes.ts';
import { socialRoutes } from '../doors/social/routes.ts';
import { searchRoutes } from '../doors/social/search.routes.ts';
import { welcomeRoutes } from '../doors/social/welcome.ts';
import { createHttp, type Http } from '../infra/http/http.ts';
import type { Metrics } from '../infra/metrics/metrics.ts';
import { countRequests } from '../infra/metrics/requests.ts';
import type { Ground } from './ground.ts';
import type { Modules } from './modules.ts';

type Needs = {
  modules: Modules;
  gateway: ReturnType<typeof pushDoor>;
  metrics: Metrics;
  limits: SocialLimits;
  meetingsLimits: MeetingsLimits;
  isReady: () => boolean;
};

/** Everything that is asked for over HTTP on the port that the social and push contracts share. */
export async function buildRoutes(
  ground: Ground,
  { modules, gateway, metrics, limits, meetingsLimits, isReady }: Needs,
): Promise<Http> {
  const { config, storage, clock, logger } = ground;
  const { identity, messaging, search, calls, groups, resetMail } = modules;
  const http = createHttp({ logger, trustProxy: config.TRUST_PROXY, corsOrigins: config.CORS_ORIGINS });
  http.setEnvelope('/', socialEnvelope);
  http.setEnvelope('/api/gateway', pushEnvelope);
  http.setEnvelope('/api/v1/meetings', meetingsEnvelope);
  countRequests(http.app, metrics);
  if (showsDocs(config)) describeApi(http.app);
  const health = { clock, pingDatabase: () => storage.sql.ping(), isReady };
  const measured = metricsRoutes({ metrics, limits, config });
  await http.app.register(welcomeRoutes({ identity, config, apiDocs: showsDocs(config) }));
  await http.app.register(healthRoutes(health));
  await http.app.register(measured);
  const others = [
    messageRoutes(messaging),
    searchRoutes(search),
    () => measured,
    callRoutes(calls),
    groupRoutes(groups),
    memberRoutes(groups),
  ];
  const social = socialRoutes({ ...health, identity, resetMail, limits, others });
  await http.app.register(social, { prefix: '/api/v1' });
  const meetings = meetingsRoutes({
    identity,
    limits: meetingsLimits,
    groups: [meetingRoutes(modules.meetings), ...people(modules), ...talk(modules)],
  });
  await http.app.register(meetings, { prefix: '/api/v1/meetings' });
  await http.app.register(gateway.routes, { prefix: '/api/gateway' });
  return http;
}

/** Who is in a meeting, and what its policy lets them do. */
const people = ({ attendance }: Modules) => [peopleRoutes(attendance), policyRoutes(attendance)];

/** What meetings have beside their people. */
const talk = ({ meetingChat, breakouts, liveKitTokens }: Modules) => [
  chatRoutes(meetingChat),
  breakoutRoutes(breakouts),
  tokenRoutes(liveKitTokens),
];

const showsDocs = ({ API_DOCS, NODE_ENV }: Config): boolean =>
  API_DOCS === 'on' || (API_DOCS === undefined && NODE_ENV === 'development');
