import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A letter as it came over the wire: who it is for, and everything between DATA and the dot. */
export type Received = Readonly<{ to: readonly string[]; text: string }>;

export type MailServer = Readonly<{
  url: string;
  letters: readonly Received[];
  /** The next letter, come already or within the time. */
  next(milliseconds?: number): Promise<Received>;
  /** Refuses everything for now, or no longer. */
  refuse(refusing: boolean): void;
}>;

/** A mail server that takes letters and keeps them, without TLS, on loopback. */
export async function startMailServer(t: Pick<TestContext, 'after'>): Promise<MailServer> {
  const letters: Received[] = [];
  const unread: Received[] = [];
  let refusing = false;
  let arrived = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    let to: string[] = [];
    let data: string[] | undefined;
    const answer = (line: string): string => {
      const [command = ''] = line.toUpperCase().split(/[ :]/);
      if (refusing) return '451 come back later';
      if (command === 'EHLO') return '250 test';
      if (command === 'RCPT') to.push(/<(.*)>/.exec(line)?.[1] ?? '');
      if (command === 'STARTTLS') return '502 no';
      if (command === 'QUIT') return '221 bye';
      if (command !== 'DATA') return '250 ok';
      data = [];
      return '354 go on';
    };
    const take = (line: string): string | undefined => {
      if (data === undefined) return answer(line);
      if (line !== '.') {
        data.push(line);
        return undefined;
      }
      const letter = { to, text: data.join('\n') };
      [to, data] = [[], undefined];
      letters.push(letter);
      unread.push(letter);
      arrived.resolve();
      return '250 taken';
    };
    socket.on('error', () => {});
    socket.write('220 test\r\n');
    let rest = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const said = take(line);
        if (said !== undefined) socket.write(`${said}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    letters,
    async next(milliseconds = 8_000) {
      const late = AbortSignal.timeout(milliseconds);
      const tooLate = new Promise<never>((_, reject) => {
        late.addEventListener('abort', () => reject(new Error(`no letter within ${milliseconds} ms`)));
      });
      for (;;) {
        const letter = unread.shift();
        if (letter !== undefined) return letter;
        arrived = Promise.withResolvers<void>();
        await Promise.race([arrived.promise, tooLate]);
      }
    },
    refuse(now) {
      refusing = now;
    },
  };
}

/** A mail server that takes connections, and never says a word; `connection` is the first. */
export async function startSilentMailServer(t: Pick<TestContext, 'after'>) {
  const sockets = new Set<Socket>();
  const first = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).resume();
    first.resolve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, connection: first.promise };
}
