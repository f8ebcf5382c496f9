import assert from 'node:assert/strict';
import type { Call, Reply } from './social.ts';

export const ada = { username: 'john_doe', email: 'john@example.com', password: 'Password123' };

export const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export const register = (call: Call, person: object = ada) => call('POST', '/api/v1/auth/register', { body: person });

export const login = (call: Call, body: object = ada, headers = {}) =>
  call('POST', '/api/v1/auth/login', { body, headers });

export const dataOf = ({ body }: Reply) => body['data'] as Record<string, never>;

/** A registered person's tokens. */
export async function signUp(
  call: Call,
  person: object = ada,
): Promise<{ id: string; accessToken: string; refreshToken: string }> {
  const reply = await register(call, person);
  assert.equal(reply.status, 201, reply.text);
  const { id = '', accessToken = '', refreshToken = '' } = dataOf(reply);
  return { id, accessToken, refreshToken };
}
