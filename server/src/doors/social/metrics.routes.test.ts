import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connected } from '../../../test/support/clients.ts';
import { startServer } from '../../../test/support/server.ts';

const production = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  JWT_SECRET: 'aB3kX9mQ7wE2rT6yU1iO5pL8sD4fG0hJ',
};
const METRICS_TOKEN = 'a-token-for-the-scraper';
const scraper =
  'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.1';

async function open(t: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const server = await startServer(t, settings);
  const text = async (headers: Record<string, string> = {}) => {
    const answer = await fetch(`${server.url}/metrics`, { headers: { accept: scraper, ...headers } });
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
  };
  return { server, text };
}

test('[social:GET /metrics] the documented report, at the door and at the root', async (t) => {
  const { server } = await open(t);
  for (const path of ['/api/v1/metrics', '/metrics']) {
    for (const accept of ['*/*', 'application/json', 'text/html,*/*;q=0.8', 'application/json, text/plain, */*']) {
      const { status, body } = await server.call('GET', path, { headers: { accept } });
      assert.equal(status, 200);
      const { data, ...rest } = body;
      assert.deepEqual(rest, { success: true, message: 'Metrics retrieved' });
      const shape = JSON.parse(JSON.stringify(data), (_, value) => (typeof value === 'object' ? value : typeof value));
      assert.deepEqual(shape, {
        process: {
          uptime: 'number',
          memory: { rss: 'number', heapTotal: 'number', heapUsed: 'number', external: 'number' },
          cpu: { user: 'number', system: 'number' },
        },
        nodejs: { version: 'string', platform: 'string', arch: 'string' },
      });
      assert.equal((data as { nodejs: { version: string } }).nodejs.version, process.version);
    }
  }
});

test('who asks for text gets what a scraper reads: requests by route, connections, the log and the event loop', async (t) => {
  const { server, text } = await open(t);
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  await connected(t, server, { token: ada.accessToken });
  await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  for (const id of ['canary_1', 'canary_2']) {
    await server.call('GET', `/api/v1/messages/${id}`, { token: ada.accessToken });
    await server.call('GET', `/nowhere/${id}`);
  }
  const found = await text();
  assert.deepEqual([found.status, found.type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  const value = (series: string): number => {
    const line = found.text.split('\n').find((known) => known.startsWith(`${series} `));
    assert.ok(line !== undefined, `${series} in\n${found.text}`);
    return Number(line.slice(series.length));
  };
  const requests = (route: string, method: string, status: number) =>
    value(`rendezvous_http_requests_total{method="${method}",route="${route}",status="${status}"}`);
  assert.equal(requests('/api/v1/messages', 'POST', 201), 1);
  assert.equal(requests('/api/v1/messages/:id', 'GET', 404), 2);
  assert.equal(requests('none', 'GET', 404), 2);
  assert.equal(
    value('rendezvous_http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/api/v1/messages"}'),
    1,
  );
  assert.equal(value('rendezvous_sockets'), 1);
  const head = await server.storage.log.head();
  assert.equal(value('rendezvous_log_head'), head);
  assert.equal(value('rendezvous_log_delivered'), head);
  assert.equal(value('rendezvous_log_failures'), 0);
  const late = value('rendezvous_event_loop_delay_seconds{quantile="0.99"}');
  assert.ok(late >= 0 && late < 60);
  assert.ok(value('rendezvous_process_resident_memory_bytes') > 1_000_000);
  // Nothing of what people are or say.
  assert.doesNotMatch(found.text, /hello|canary|@|[0-9a-f]{8}-[0-9a-f]{4}-/);
});

test('threat G-9: in production without a token metrics are for this machine only, and no proxy counts as it', async (t) => {
  const { server, text } = await open(t, { ...production, TRUST_PROXY: '127.0.0.1' });
  assert.equal((await text()).status, 200);
  for (const header of ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'via', 'x-real-ip', 'cf-connecting-ip']) {
    for (const address of ['203.0.113.7', '127.0.0.1']) assert.equal((await text({ [header]: address })).status, 401);
  }
  const { status, body } = await server.call('GET', '/api/v1/metrics', { headers: { 'x-forwarded-for': '::1' } });
  assert.deepEqual([status, body['code']], [401, 'UNAUTHORIZED']);
});

test('threat G-9: in production with METRICS_TOKEN only who brings it sees metrics; a scraper is not limited, guesses are', async (t) => {
  const { server, text } = await open(t, { ...production, METRICS_TOKEN, RATE_LIMIT_GENERAL: '3/900' });
  const [ada] = await server.people(1);
  const authorization = `Bearer ${METRICS_TOKEN}`;
  for (let times = 0; times < 5; times += 1) assert.equal((await text({ authorization })).status, 200);
  for (const wrong of ['', 'Bearer nonsense', `Bearer ${ada?.accessToken}`]) {
    assert.equal((await text({ authorization: wrong })).status, 401);
  }
  assert.equal((await text({ authorization: 'Bearer another' })).status, 429);
  assert.equal((await text({ authorization })).status, 200);
});
