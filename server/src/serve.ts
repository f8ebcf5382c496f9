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
export async function serve(config: Config, { open, build = buildApp }: Composition = {}): Promise<void> {
  const folder = holdDataFolder(config.DATA_DIR);
  const secrets = readSecrets(config);
  const storage = await openDatabase(config, folder, open);
  if (!(await storage.sql.claim())) {
    throw new StartRefused(
      'Another server uses the database of DATABASE_URL. Stop it first: several servers on one database need a bus between them (REDIS_URL), which this version does not have yet.',
    );
  }
  const app = await build({ config, secrets, storage });
  await makeFirstAdmin(app.identity, config);
  const { social } = await app.listen();
  folder.describe(`process ${process.pid} at ${social}`);
  const control = await openControl(folder, (command) => perform(app.identity, command));
  drainOnSignal(async () => {
    await control.close();
    await app.close();
    folder.release();
  });
  process.stdout.write(banner({ config, social, inhabited: await app.identity.isInhabited() }));
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

/** The first signal drains; a second one ends the process at once. */
function drainOnSignal(drain: () => Promise<void>): void {
  let draining = false;
  const end = (): void => {
    if (draining) process.exit(1);
    draining = true;
    setTimeout(() => process.exit(1), drainLimit).unref();
    drain().then(
      () => process.exit(0),
      (error) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}
