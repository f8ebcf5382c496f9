// A real browser. What needs one is skipped locally where there is no Chromium; with CI=true its absence is a failure.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { chromium, type Page } from 'playwright-core';

const places = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const browserPath = places.find((path) => path !== undefined && path !== '' && existsSync(path));
const missing = 'no Chromium found: install it (apt-get install chromium) or name its program in CHROMIUM';

/** For the options of a test that needs a browser. */
export const skip = browserPath === undefined && process.env['CI'] !== 'true' ? missing : false;

/** An empty page; `complaints` is what it says on its console that is an error. */
export async function openBrowser(t: TestContext): Promise<{ page: Page; complaints: string[] }> {
  assert.ok(browserPath, missing);
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  const still = ['--disable-component-update', '--disable-sync'];
  // Chromium refuses to run as root inside its own sandbox; build machines often are root.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: browserPath, args: [...quiet, ...still, ...asRoot] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  return { page, complaints };
}
