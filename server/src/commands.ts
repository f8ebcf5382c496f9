import { readFileSync } from 'node:fs';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { administer } from './administer.ts';
import type { Command as Administration } from './administration.ts';
import { askPassword } from './ask-password.ts';
import { readConfig } from './config.ts';
import { type Role, roles } from './kernel/principal.ts';
import { scopePattern } from './modules/identity/index.ts';
import { settingSchemas } from './problems.ts';
import { serve } from './serve.ts';

const dataFolderHelp = `
Works on the folder that DATA_DIR names (./data), and on the database of DATABASE_URL where that is set:
through the server that is running on it, or without one.
`;

const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** The command line. */
export function buildProgram(): Command {
  const program = new Command('rendezvous')
    .description(
      'One self-hosted program where people meet: messages, groups, presence, calls and push from one event log.',
    )
    .version(version, '-V, --version', 'print the version')
    .showHelpAfterError('Add --help to see how it is used.')
    .addHelpText(
      'after',
      `
Examples:
  npx rendezvous serve                                      on http://127.0.0.1:3000, data in ./data
  SOCIAL_PORT=8080 DATA_DIR=/var/lib/rendezvous npx rendezvous serve
  npx rendezvous admin create --email ada@example.org
  npx rendezvous user role bob@example.org MANAGER
  npx rendezvous key create --name "my back end" --scope push:send

Settings are environment variables: npx rendezvous serve --help lists all of them.`,
    );
  addServe(program);
  addAdmin(program);
  addUser(program);
  addKey(program);
  addLog(program);
  return program;
}

/** Log lines of every request would bury what the server says to the person before a terminal. */
const quietOnTerminal = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  process.stderr.isTTY && (environment['LOG_LEVEL'] ?? '') === '' ? { ...environment, LOG_LEVEL: 'warn' } : environment;

function addServe(program: Command): void {
  program
    .command('serve')
    .description('Start the server; SIGTERM or Ctrl-C ends it once what is under way has finished')
    .addHelpText('after', () => `\n${settingsHelp()}`)
    .action(() => serve(readConfig(quietOnTerminal(process.env))));
}

function addAdmin(program: Command): void {
  const admin = program.command('admin').description('Administrators');
  admin
    .command('create')
    .description('Make an account that is an administrator')
    .requiredOption('--email <email>', 'email to log in with')
    .option('--username <name>', 'name that others see; otherwise made from the email')
    .option('--password-stdin', 'read the password from stdin, also where that is a terminal')
    .addHelpText(
      'after',
      `
The password (8 to 128 characters; a small letter, a capital letter and a digit) is asked for on the terminal, or read from stdin; it is never an argument.
${dataFolderHelp}
Examples:
  npx rendezvous admin create --email ada@example.org
  npx rendezvous admin create --email ada@example.org --username ada --password-stdin < password.txt`,
    )
    .action(async ({ email, username, passwordStdin }: { email: string; username?: string; passwordStdin?: true }) => {
      const terminal = { input: process.stdin, output: process.stderr };
      const password = await askPassword(terminal, passwordStdin === true);
      await run({ act: 'admin create', email, password, ...(username === undefined ? {} : { username }) });
    });
}

function addUser(program: Command): void {
  const role = new Argument('<role>', `the new role: ${roles.join(', ')}`).argParser(parseRole);
  const user = program.command('user').description('Accounts');
  user
    .command('role')
    .description('Give an account another role; it holds at once, also for who is connected')
    .argument('<email>', 'email of the account')
    .addArgument(role)
    .addHelpText('after', `${dataFolderHelp}\nExample:\n  npx rendezvous user role bob@example.org ADMIN`)
    .action((email: string, given: Role) => run({ act: 'user role', email, role: given }));
  user
    .command('reset')
    .description('Make a code with which somebody sets a new password, and print it')
    .argument('<email>', 'email of the account')
    .addHelpText(
      'after',
      `
The code goes to stdout and nothing else does. It works once, for 30 minutes, at POST /api/v1/auth/reset, and takes the place of one made before.
${dataFolderHelp}
Example:
  npx rendezvous user reset bob@example.org`,
    )
    .action((email: string) => run({ act: 'user reset', email }));
}

function addKey(program: Command): void {
  const key = program.command('key').description('Service keys, for programs that call the server');
  key
    .command('create')
    .description('Make a service key and print it, once')
    .requiredOption('--name <name>', 'what the key is for')
    .requiredOption('--scope <scope...>', 'what it may do, such as push:send; several are allowed', collectScope)
    .addHelpText(
      'after',
      `
The key goes to stdout and nothing else does; only its hash is stored, so nobody can show it again.
A program gives it as Authorization: Bearer … to the push door: push:send lets it push, push:read ask who is connected.
${dataFolderHelp}
Examples:
  npx rendezvous key create --name "my back end" --scope push:send
  npx rendezvous key create --name dashboard --scope push:read > key.txt`,
    )
    .action(({ name, scope }: { name: string; scope: string[] }) => run({ act: 'key create', name, scopes: scope }));
  key
    .command('list')
    .description('Print every key: id, when it was made, whether it holds, scopes, name')
    .addHelpText('after', `${dataFolderHelp}\nExample:\n  npx rendezvous key list`)
    .action(() => run({ act: 'key list' }));
  key
    .command('revoke')
    .description('Let a key in no more; it holds at once')
    .argument('<id>', 'id of the key, as key list prints it, or the key itself')
    .addHelpText(
      'after',
      `${dataFolderHelp}\nExample:\n  npx rendezvous key revoke 01a1f96a-d24c-70d8-ad40-2449181e2c1e`,
    )
    .action((given: string) => run({ act: 'key revoke', key: given }));
}

function addLog(program: Command): void {
  const log = program.command('log').description('The event log, from which clients resume');
  log
    .command('renew-epoch')
    .description('After a restore: let no client go on from a place that it holds in the log as it was')
    .addHelpText(
      'after',
      `
A restored log hands out numbers a second time. With a new epoch, clients that come back with an old place are told
recovered: false and fetch history. No server may run on it meanwhile.

Works on the folder that DATA_DIR names (./data), and on the database of DATABASE_URL where that is set.

Example:
  npx rendezvous log renew-epoch`,
    )
    .action(() => run({ act: 'log renew-epoch' }));
}

function parseRole(given: string): Role {
  const role = roles.find((known) => known === given.toUpperCase());
  if (role === undefined) throw new InvalidArgumentError(`It must be one of ${roles.join(', ')}.`);
  return role;
}

function collectScope(given: string, before: readonly string[] = []): string[] {
  if (!new RegExp(scopePattern).test(given))
    throw new InvalidArgumentError('A scope is small letters, with one of : . - between words, like push:send.');
  return [...before, given];
}

async function run(command: Administration): Promise<void> {
  const { result, remark } = await administer(readConfig(), command);
  if (result !== '') process.stdout.write(`${result}\n`);
  if (remark !== '') process.stderr.write(`${remark}\n`);
}

/** Every setting with its default, wrapped for a terminal of 100 columns. */
function settingsHelp(): string {
  const names = Object.keys(settingSchemas);
  const width = Math.max(...names.map((name) => name.length)) + 4;
  const lines = names.flatMap((name) => {
    const { description = '', default: value, anyOf } = settingSchemas[name] ?? {};
    const choices = anyOf === undefined ? '' : `${anyOf.map((choice) => String(choice.const)).join(' | ')}. `;
    const said = `${choices}${description}${value === undefined ? '' : ` (default: ${String(value)})`}`;
    return wrap(said, 100 - width).map((line, index) => `${(index === 0 ? `  ${name}` : '').padEnd(width)}${line}`);
  });
  return [
    'Settings, as environment variables or in a file .env in the working directory:',
    ...lines,
    '',
    'Examples:',
    '  SOCIAL_PORT=0 DATA_DIR=/tmp/try npx rendezvous serve',
    '  NODE_ENV=production JWT_SECRET="$(cat secret.txt)" DATABASE_URL=postgres://me@db/rendezvous npx rendezvous serve',
  ].join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
