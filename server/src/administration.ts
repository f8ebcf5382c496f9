import { type Static, Type } from 'typebox';
import { isoTime } from './kernel/clock.ts';
import { errorTable, Refusal } from './kernel/errors.ts';
import { roles } from './kernel/principal.ts';
import { compileCheck } from './kernel/schema.ts';
import { type Identity, identityErrors } from './modules/identity/index.ts';
import { pushScopes } from './modules/push/index.ts';

/** What the command line can do; the same value goes over the control socket. */
export const Command = Type.Union([
  Type.Object({
    act: Type.Literal('admin create'),
    email: Type.String(),
    password: Type.String(),
    username: Type.Optional(Type.String()),
  }),
  Type.Object({
    act: Type.Literal('user role'),
    email: Type.String(),
    role: Type.Enum(roles),
  }),
  Type.Object({ act: Type.Literal('user reset'), email: Type.String() }),
  Type.Object({ act: Type.Literal('key create'), name: Type.String(), scopes: Type.Array(Type.String()) }),
  Type.Object({ act: Type.Literal('key list') }),
  Type.Object({ act: Type.Literal('key revoke'), key: Type.String() }),
  Type.Object({ act: Type.Literal('log renew-epoch') }),
]);
export type Command = Static<typeof Command>;
export const checkCommand = compileCheck(Command);

/** `result` is what the command was for and goes to stdout; `remark` is for the person, on stderr. */
export type Answer = Readonly<{ result: string; remark: string }>;

const administrationErrors = errorTable({
  SERVER_RUNS: {
    kind: 'conflict',
    message:
      'A server runs on this data folder, and hands out places of the epoch it began with. Stop it, run this command again, then start it.',
  },
});

/** What a command works with. `renewEpoch`: where no server runs. */
export type House = Readonly<{ identity: Identity; renewEpoch?: () => Promise<void> }>;

/** Does what a command says, in the running server or without one. Refuses what identity refuses, and SERVER_RUNS. */
export async function perform({ identity, renewEpoch }: House, command: Command): Promise<Answer> {
  switch (command.act) {
    case 'admin create': {
      const { email, password, username } = command;
      const made = await identity.createAdmin({ email, password, ...(username === undefined ? {} : { username }) });
      return { result: `${made.email} is an administrator, with the username ${made.username}.`, remark: '' };
    }
    case 'user role': {
      const { email, role } = await asked(command.email, () => identity.setRole(command.email, command.role));
      return { result: `${email} has the role ${role} now.`, remark: '' };
    }
    case 'user reset': {
      const code = await asked(command.email, () => identity.resetCode(command.email));
      return {
        result: code,
        remark: `With this code ${command.email} sets a new password at POST /api/v1/auth/reset. It works once, for 30 minutes; all sessions end.`,
      };
    }
    case 'key create': {
      const { key, name, scopes } = await identity.createKey(command);
      const may = scopes.length === 0 ? 'no scope' : scopes.join(', ');
      const unknown = scopes.filter((scope) => !pushScopes.includes(scope));
      const warning = `Nothing asks for ${unknown.join(', ')}: known scopes are ${pushScopes.join(', ')}.`;
      const remark = `This is the key "${name}" with ${may}. It is shown this once, and only its hash is stored: put it in a safe place now.`;
      return { result: key, remark: unknown.length === 0 ? remark : `${remark}\n${warning}` };
    }
    case 'key list': {
      const keys = await identity.listKeys();
      return { result: keys.map(keyLine).join('\n'), remark: keys.length === 0 ? 'There is no service key.' : '' };
    }
    case 'key revoke': {
      const { id, name } = await identity.revokeKey(command.key);
      return { result: `The key "${name}" (${id}) is revoked: it lets nobody in any more.`, remark: '' };
    }
    case 'log renew-epoch': {
      if (renewEpoch === undefined) throw new Refusal(administrationErrors.SERVER_RUNS);
      await renewEpoch();
      return { result: 'The log has a new epoch: no client goes on from a place in the old one.', remark: '' };
    }
  }
}

/** Columns, with a tab between them: id, when it was made, until when it holds, scopes, name. */
const keyLine = ({
  id,
  createdAt,
  revokedAt,
  scopes,
  name,
}: Awaited<ReturnType<Identity['listKeys']>>[number]): string =>
  [id, isoTime(createdAt), revokedAt === null ? 'valid' : `revoked ${isoTime(revokedAt)}`, scopes.join(','), name].join(
    '\t',
  );

/** Refuses ACCOUNT_NOT_FOUND with the email in its words. */
async function asked<Result>(email: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Refusal && error.error === identityErrors.ACCOUNT_NOT_FOUND)) throw error;
    throw new Refusal(error.error, { message: `There is no account with the email ${email}.` });
  }
}
