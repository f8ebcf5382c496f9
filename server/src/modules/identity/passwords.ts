import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { commonErrors, Refusal } from '../../kernel/errors.ts';

const derive = promisify(argon2);

/** OWASP's first recommendation for argon2id: 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 };
const tagLength = 32;
const saltLength = 16;

/** One of libuv's four threads stays free: token checks and file access use them too. */
const atATime = 3;
const mayWait = 100;

/** Hashes in PHC string format. Both refuse UNAVAILABLE when too many wait. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** Without a stored hash it works as long and answers false, so that time does not tell who has an account. */
  verify(password: string, stored: string | null): Promise<boolean>;
}

export function argon2Passwords(): Passwords {
  const inTurn = boundedTurns(atATime, mayWait);
  // Belongs to no password; only its cost matters.
  const nobody = { ...cost, salt: randomBytes(saltLength), tag: randomBytes(tagLength) };
  return {
    async hash(password) {
      const salt = randomBytes(saltLength);
      const tag = await inTurn(() => derive('argon2id', parametersOf(password, { ...cost, salt })));
      return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
    },
    async verify(password, stored) {
      const known = stored === null ? undefined : parse(stored);
      const target = known ?? nobody;
      const tag = await inTurn(() => derive('argon2id', parametersOf(password, target)));
      return timingSafeEqual(tag, target.tag) && known !== undefined;
    },
  };
}

type Recipe = { memory: number; passes: number; parallelism: number; salt: Buffer };
type Parsed = Recipe & { tag: Buffer };

function parse(stored: string): Parsed | undefined {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(stored);
  if (parts === null) return undefined;
  const [, memory, passes, parallelism, salt = '', tag = ''] = parts;
  const parsed = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
  return parsed.tag.length === tagLength ? parsed : undefined;
}

const parametersOf = (password: string, { memory, passes, parallelism, salt }: Recipe): Argon2Parameters => ({
  message: password,
  nonce: salt,
  tagLength,
  memory,
  passes,
  parallelism,
});

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

/** Runs at most `width` acts at once and lets `waiting` more wait in order; the next is refused. */
function boundedTurns(width: number, waiting: number): <Result>(act: () => Promise<Result>) => Promise<Result> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (act) => {
    if (running < width) running += 1;
    else if (queue.length < waiting) await new Promise<void>((resolve) => queue.push(resolve));
    else throw new Refusal(commonErrors.UNAVAILABLE, { retryAfter: 5 });
    try {
      return await act();
    } finally {
      // The place is handed over, not given up: a newcomer must not overtake who waits.
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
