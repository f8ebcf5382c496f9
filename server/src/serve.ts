import { perform } from './administration.ts';
import { type App, type AppOptions, buildApp } from './app.ts';
import { banner } from './banner.ts';
import type { Config } from './config.ts';
import { openControl } from './control.ts';
import { holdDataFolder } from './data-folder.ts';
import { Refusal } from './kernel/errors.ts';
import type { Identity } from './modules/identity/index.ts';
import { openDatabase } from './open-database.ts';
import { readSecrets, StartRefused } from './secrets.ts';
import type { Storage, StorageOptions } from './storage.ts';

/** What another composition root may replace: how the storage is opened, and how the app is built from it. */
export type Composition = {
  open?: (options: StorageOptions) => Promise<Storage>;
  build?: (options: AppOptions) => Promise<App>;
};

/** How long a drain may take before the process ends all the same, in milliseconds. */
const drainLimit = 9_000;

/** Runs a server in this process until SIGTERM or SIGINT: folder, secrets, storage, app, listen; then drains. */
export async function serve(config: Config, composition: Composition = {}): Promise<void> {
  const opened = new AsyncDisposableStack();
  let started: { storage: Storage; greeting: string };
  try {
    started = await start(config, composition, opened);
  } catch (error) {
    // Why it did not start matters more than what did not close.
    await opened.disposeAsync().catch(() => {});
    throw error;
  }
  const drain = drainOnSignal(() => opened.disposeAsync());
  // Whoever reads it may send a signal at once.
  process.stdout.write(started.greeting);
  void started.storage.sql.lost.then(() => {
    process.stderr.write(
      'The connection that held the database for this server broke, and another server has taken it: this one ends.\n',
    );
    drain(1);
  });
}

/** `opened` closes what was opened until then, the last first. */
async function start(
  config: Config,
  { open, build = buildApp }: Composition,
  opened: AsyncDisposableStack,
): Promise<{ storage: Storage; greeting: string }> {
  // A secret that is weak or missing is refused before there is a folder; only development makes one, in the folder.
  const given = config.NODE_ENV === 'production' || config.JWT_SECRET !== undefined ? readSecrets(config) : undefined;
  const folder = holdDataFolder(config.DATA_DIR);
  opened.defer(() => folder.release());
  const secrets = given ?? readSecrets(config);
  const storage = await openDatabase(config, folder, open);
  let app: App | undefined;
  opened.defer(() => (app === undefined ? closeStorage(storage) : app.close()));
  app = await build({ config, secrets, storage });
  const { identity } = app;
  await makeFirstAdmin(identity, config);
  const { social } = await app.listen();
  folder.describe(`process ${process.pid} at ${social}`);
  const control = await openControl(folder, (command) => perform({ identity }, command));
  opened.defer(() => control.close());
  return { storage, greeting: banner({ config, social, inhabited: await identity.isInhabited() }) };
}

async function closeStorage({ log, sql }: Storage): Promise<void> {
  await log.close();
  await sql.close();
}

/** The administrator that the settings name, as long as nobody has an account: at the first start and never again. */
async function makeFirstAdmin(
  identity: Identity,
  { ADMIN_EMAIL: email, ADMIN_PASSWORD: password }: Config,
): Promise<void> {
  if ((email === undefined && password === undefined) || (await identity.isInhabited())) return;
  if (email === undefined) throw new StartRefused('ADMIN_PASSWORD is set and ADMIN_EMAIL is not; set both or neither.');
  if (password === undefined)
    throw new StartRefused('ADMIN_EMAIL is set and ADMIN_PASSWORD is not; set both or neither.');
  try {
    await identity.createAdmin({ email, password });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // Another node of the same database may have been quicker.
    if (await identity.isInhabited()) return;
    throw new StartRefused(`ADMIN_EMAIL and ADMIN_PASSWORD make no administrator: ${error.message}`);
  }
}

function say(text: string): void {
  process.stdout.write(`  ${text}\n`);
}

/** The first signal drains; a second one ends the process at once. The answer drains without a signal, to an exit code. */
function drainOnSignal(drain: () => Promise<void>): (code: number) => void {
  let draining = false;
  // Who read the banner may be gone by then; that must not end a drain.
  process.stdout.on('error', () => {});
  const end = (code: number): void => {
    draining = true;
    setTimeout(() => process.exit(1), drainLimit).unref();
    say('Finishing what is under way…');
    drain().then(
      () => {
        say('Ended.');
        process.exit(code);
      },
      (error) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  const onSignal = (): void => {
    if (draining) process.exit(1);
    end(0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return (code) => {
    if (!draining) end(code);
  };
}
