import assert from 'node:assert/strict';
import test from 'node:test';
import { isoTime } from '../../../test/support/auth.ts';
import { startSocial } from '../../../test/support/social.ts';

test('[social:GET /health] [social:enum health status] answers at the root and at the door', async (t) => {
  const { call } = await startSocial(t);
  for (const path of ['/health', '/api/v1/health']) {
    const { status, body } = await call('GET', path);
    assert.equal(status, 200);
    assert.equal(body['message'], 'Service is healthy');
    const { status: state, timestamp, uptime } = body['data'] as Record<string, unknown>;
    assert.equal(state, 'healthy');
    assert.match(String(timestamp), isoTime);
    assert.ok(Number.isInteger(uptime));
  }
});

test('[social:GET /health/ready] tells of the database and of draining; Redis is disabled where none is configured', async (t) => {
  let away = false;
  const pingDatabase = async () => {
    if (away) throw new Error('away');
  };
  const { call, drain } = await startSocial(t, { pingDatabase });
  const ready = () => call('GET', '/api/v1/health/ready');
  const first = await ready();
  assert.equal(first.status, 200);
  assert.deepEqual(first.body, {
    success: true,
    message: 'Service is ready',
    data: { status: 'ready', checks: { database: 'connected', redis: 'disabled' } },
  });
  away = true;
  const broken = await ready();
  assert.equal(broken.status, 503);
  assert.deepEqual(broken.body, {
    success: false,
    message: 'Service is not ready',
    code: 'SERVICE_UNAVAILABLE',
    data: { status: 'not ready', checks: { database: 'disconnected', redis: 'disabled' } },
  });
  away = false;
  assert.equal((await ready()).status, 200);
  drain();
  assert.equal((await ready()).status, 503);
  assert.equal((await call('GET', '/api/v1/health')).status, 200);
});
