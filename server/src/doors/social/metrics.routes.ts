import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { type OperatorSettings, operatorsOnly } from '../../infra/http/operators.ts';
import type { Metrics } from '../../infra/metrics/metrics.ts';
import { answerSchema, success } from './envelope.ts';
import type { SocialLimits } from './limits.ts';

export type MetricsNeeds = Readonly<{ metrics: Metrics; limits: SocialLimits; config: OperatorSettings }>;

const strict = { additionalProperties: false };
const numbers = <Name extends string>(...names: readonly Name[]) =>
  Type.Object(Object.fromEntries(names.map((name) => [name, Type.Number()])), strict);
const report = Type.Object(
  {
    process: Type.Object(
      {
        uptime: Type.Number(),
        memory: numbers('rss', 'heapTotal', 'heapUsed', 'external'),
        cpu: numbers('user', 'system'),
      },
      strict,
    ),
    nodejs: Type.Object({ version: Type.String(), platform: Type.String(), arch: Type.String() }, strict),
  },
  strict,
);

const answers = {
  'application/json': { schema: answerSchema(report) },
  'text/plain': { schema: Type.String() },
};

/** The documented report as JSON, and everything as Prometheus text for who asks for text. A scraper is not limited. */
export const metricsRoutes =
  ({ metrics, limits, config }: MetricsNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/metrics',
      {
        config: { uncounted: true },
        onRequest: operatorsOnly(config),
        errorHandler: limits.refused,
        schema: {
          summary: 'What the server measures; as text for Prometheus',
          response: { 200: { content: answers } },
        },
      },
      async (request, reply) => {
        if (wantsText(request.headers.accept)) return reply.type(metrics.contentType).send(await metrics.text());
        return success(reportOf(), 'Metrics retrieved');
      },
    );
  };

/** A scraper names the formats of Prometheus, a browser and a plain client neither. */
const wantsText = (accept = ''): boolean =>
  /text\/plain|application\/openmetrics-text/i.test(accept) && !/application\/json/i.test(accept);

function reportOf() {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { version, platform, arch } = process;
  return {
    process: {
      uptime: Math.floor(process.uptime()),
      memory: { rss, heapTotal, heapUsed, external },
      cpu: { user, system },
    },
    nodejs: { version, platform, arch },
  };
}
