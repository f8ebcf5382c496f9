import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A way to a PostgreSQL that a test can break. */
export type Way = {
  /** The database's URL over this way. */
  readonly url: string;
  /** From now on the database hears everything, and nothing that it says arrives. */
  silence(): void;
  /** Ends every connection, and takes no new one until `mend`. */
  cut(): void;
  /** New connections are as they should be. */
  mend(): void;
};

export async function openWay(t: Pick<TestContext, 'after'>, url: string): Promise<Way> {
  const { hostname, port } = new URL(url);
  const ends = new Set<Socket>();
  let state: 'open' | 'silent' | 'shut' = 'open';
  const server = createServer((near) => {
    if (state === 'shut') {
      near.destroy();
      return;
    }
    const far = connect(Number(port || 5432), hostname);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(end);
      end.on('error', () => {});
      end.on('close', () => {
        ends.delete(end);
        other.destroy();
      });
    }
    near.on('data', (data) => far.write(data));
    far.on('data', (data) => {
      if (state !== 'silent') near.write(data);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    state = 'shut';
    for (const end of ends) end.destroy();
  };
  t.after(() => {
    cut();
    server.close();
  });
  const address = server.address();
  const over = new URL(url);
  over.hostname = '127.0.0.1';
  over.port = String(typeof address === 'object' ? address?.port : '');
  return {
    url: over.href,
    cut,
    silence: () => {
      state = 'silent';
    },
    mend: () => {
      state = 'open';
    },
  };
}
