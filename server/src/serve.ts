import { type App, type AppOptions, buildApp } from './app.ts';
import type { Config } from './config.ts';
import { holdDataFolder } from './data-folder.ts';
import { systemClock } from './kernel/clock.ts';
import { readSecrets } from './secrets.ts';
import { openStorage, type Storage, type StorageOptions } from './storage.ts';

/** What another composition root may replace: how the storage is opened, and how the app is built from it. */
export type Composition = {
  open?: (options: StorageOptions) => Promise<Storage>;
  build?: (options: AppOptions) => Promise<App>;
};

/** How long a drain may take before the process ends all the same, in milliseconds. */
const drainLimit = 9_000;

/** Runs a server in this process until SIGTERM or SIGINT: folder, secrets, storage, app, listen; then drains. */
export async function serve(config: Config, { open = openStorage, build = buildApp }: Composition = {}): Promise<void> {
  const folder = holdDataFolder(config.DATA_DIR);
  const secrets = readSecrets(config);
  const file = folder.file('rendezvous.db');
  const storage = await open({ databaseUrl: config.DATABASE_URL, file, clock: systemClock });
  const app = await build({ config, secrets, storage });
  const addresses = await app.listen();
  folder.describe(`process ${process.pid} at ${addresses.social}`);
  process.stdout.write(`  social   ${addresses.social}\n`);
  drainOnSignal(async () => {
    await app.close();
    folder.release();
  });
}

function drainOnSignal(drain: () => Promise<void>): void {
  let draining = false;
  const end = (): void => {
    if (draining) return;
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
