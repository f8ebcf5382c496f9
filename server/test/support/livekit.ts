import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { jwtVerify } from 'jose';

const secret = 'A-secret-of-the-LiveKit-tests-which-is-46-long';

/** What a request to the LiveKit server said, and what its token allowed. */
export type Asked = Readonly<{ method: string; body: Record<string, unknown>; video: unknown }>;

export type TestLiveKit = {
  readonly settings: Readonly<Record<'LIVEKIT_URL' | 'LIVEKIT_API_KEY' | 'LIVEKIT_API_SECRET', string>>;
  readonly asked: Asked[];
  /** What it answers from here on. */
  answer: { status: number; body: object };
};

export const gone = { status: 404, body: { code: 'not_found', msg: 'participant does not exist' } };

/** An HTTP server that plays the part of LiveKit through which rooms are administered. */
export async function startLiveKit(t: Pick<TestContext, 'after'>): Promise<TestLiveKit> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), { issuer: 'our-key' });
    const body = (await json(request)) as Record<string, unknown>;
    asked.push({ method: request.url?.split('/').at(-1) ?? '', body, video: payload['video'] });
    const { answer } = liveKit;
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const liveKit: TestLiveKit = {
    settings: { LIVEKIT_URL: `ws://127.0.0.1:${port}`, LIVEKIT_API_KEY: 'our-key', LIVEKIT_API_SECRET: secret },
    asked,
    answer: { status: 200, body: {} },
  };
  return liveKit;
}
