import { type Static, Type } from 'typebox';
import { Refusal } from './kernel/errors.ts';
import { type Role, roles } from './kernel/principal.ts';
import { compileCheck } from './kernel/schema.ts';
import { type Identity, identityErrors, type Profile } from './modules/identity/index.ts';

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
  Type.Object({ act: Type.Literal('key create'), name: Type.String(), scopes: Type.Array(Type.String()) }),
]);
export type Command = Static<typeof Command>;
export const checkCommand = compileCheck(Command);

/** `result` is what the command was for and goes to stdout; `remark` is for the person, on stderr. */
export type Answer = Readonly<{ result: string; remark: string }>;

/** Does what a command says, in the running server or without one. Refuses what identity refuses. */
export async function perform(identity: Identity, command: Command): Promise<Answer> {
  switch (command.act) {
    case 'admin create': {
      const { email, password, username } = command;
      const made = await identity.createAdmin({ email, password, ...(username === undefined ? {} : { username }) });
      return { result: `${made.email} is an administrator, with the username ${made.username}.`, remark: '' };
    }
    case 'user role': {
      const { email, role } = await setRole(identity, command);
      return { result: `${email} has the role ${role} now.`, remark: '' };
    }
    case 'key create': {
      const { key, name, scopes } = await identity.createKey(command);
      const may = scopes.length === 0 ? 'no scope' : scopes.join(', ');
      return {
        result: key,
        remark: `This is the key "${name}" with ${may}. It is shown this once, and only its hash is stored: put it in a safe place now.`,
      };
    }
  }
}

async function setRole(identity: Identity, { email, role }: { email: string; role: Role }): Promise<Profile> {
  try {
    return await identity.setRole(email, role);
  } catch (error) {
    if (!(error instanceof Refusal && error.error === identityErrors.ACCOUNT_NOT_FOUND)) throw error;
    throw new Refusal(error.error, { message: `There is no account with the email ${email}.` });
  }
}
