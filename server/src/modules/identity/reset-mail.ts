import type { Handler, Jobs } from '../../infra/jobs/jobs.ts';
import type { Limits, Rule } from '../../infra/limits/limits.ts';
import type { Log } from '../../infra/log/log.ts';
import type { Mail } from '../../infra/mail/mail.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import { identityErrors } from './errors.ts';
import type { Identity } from './identity.ts';
import { emailKey } from './schema.ts';

/** Codes to one address: nobody's mailbox is to be filled, and a code that is under way is to keep its place. */
const mailsToOne: Rule = { name: 'reset-mail', count: 3, seconds: 3_600 };
/** One for an email, which is its key. */
export const resetMailJob = 'identity.reset-mail';

export type ResetMailNeeds = Readonly<{
  identity: Pick<Identity, 'resetCode'>;
  log: Log;
  jobs: Jobs;
  limits: Limits;
  clock: Clock;
  mail: Mail;
}>;

/** Codes for new passwords, by mail. */
export interface ResetMail {
  /** Has a code sent, if there is an account with this email. What is done meanwhile is the same if there is none. */
  ask(email: string): Promise<void>;
}

/** A job sends the mail: it is tried again while the mail server is away, and no code is stored on the way. */
export function buildResetMail({ identity, log, jobs, limits, clock, mail }: ResetMailNeeds): ResetMail {
  const send: Handler = async ({ payload, signal }) => {
    const email = String(payload);
    const code = await codeFor(identity, email);
    if (code !== undefined) await mail.send({ to: email, subject: 'A new password', text: letter(code) }, signal);
  };
  // While the mail server hangs, other timers keep their places.
  jobs.handle(resetMailJob, send, { atOnce: 1 });
  return {
    async ask(email) {
      const key = emailKey(email);
      const { allowed } = await limits.take(mailsToOne, key);
      if (!allowed) return;
      await log.write((transaction) =>
        jobs.schedule(transaction, { kind: resetMailJob, key, at: clock.now(), payload: key }),
      );
    },
  };
}

async function codeFor(identity: Pick<Identity, 'resetCode'>, email: string): Promise<string | undefined> {
  try {
    return await identity.resetCode(email);
  } catch (error) {
    if (error instanceof Refusal && error.error === identityErrors.ACCOUNT_NOT_FOUND) return undefined;
    throw error;
  }
}

const letter = (code: string): string =>
  `Somebody, hopefully you, asked for a new password for your account.

The code is ${code}

It works once, for 30 minutes. If it was not you who asked, nothing needs to be done: your password stays as it is.
`;
