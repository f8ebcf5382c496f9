// The start page: its commands as pasted, and itself in a real browser.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { openBrowser, skip } from './support/browser.ts';
import { startServer, type TestServer } from './support/server.ts';

type Name = 'Ada' | 'Grace';

/** One person's half of the page, used as a person would: by what is written there. */
class Side {
  readonly #page: Page;
  readonly #name: Name;

  constructor(page: Page, name: Name) {
    this.#page = page;
    this.#name = name;
  }

  get #pane() {
    return this.#page.locator(`#${this.#name.toLowerCase()}`);
  }

  async write(content: string): Promise<void> {
    const other = this.#name === 'Ada' ? 'Grace' : 'Ada';
    await this.#page.getByLabel(`Message from ${this.#name} to ${other}`).fill(content);
    await this.#page.getByRole('button', { name: `Send as ${this.#name}` }).click();
  }

  /** Waits until the newest message is this one. */
  async seesLast(content: string, state: string): Promise<void> {
    const last = this.#pane.getByRole('listitem').last();
    await last.filter({ hasText: content }).filter({ hasText: state }).waitFor();
  }

  async contents(): Promise<string[]> {
    return this.#pane.getByRole('listitem').locator('p').allTextContents();
  }

  async says(status: string): Promise<void> {
    await this.#pane.getByText(status, { exact: true }).waitFor();
  }

  async cut(): Promise<void> {
    await this.#page.getByRole('button', { name: `Cut ${this.#name}’s connection` }).click();
    await this.says('connection cut');
    await this.says('messages wait on the server');
  }

  async press(name: string): Promise<void> {
    await this.#pane.getByRole('button', { name }).click();
  }

  /** Pixels of the list that lie below what is seen. */
  async hidden(): Promise<number> {
    return this.#pane.getByRole('log').evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);
  }

  async reconnect(): Promise<void> {
    await this.#page.getByRole('button', { name: `Reconnect ${this.#name}` }).click();
    await this.says('connected');
  }
}

type Opened = { page: Page; ada: Side; grace: Side; complaints: string[]; server: TestServer };

async function openPage(t: TestContext, settings: Record<string, string> = {}): Promise<Opened> {
  const server = await startServer(t, settings);
  const { page, complaints } = await openBrowser(t);
  await page.goto(server.url);
  const [ada, grace] = [new Side(page, 'Ada'), new Side(page, 'Grace')];
  await Promise.all([ada.says('connected'), grace.says('connected')]);
  return { page, ada, grace, complaints, server };
}

test('the two panes write to each other', { skip }, async (t) => {
  const { ada, grace, page, complaints } = await openPage(t);
  await ada.write('Hello, Grace');
  await ada.seesLast('Hello, Grace', 'sent');
  await grace.seesLast('Hello, Grace', 'received');
  await grace.write('<b>Hello</b>, Ada');
  await ada.seesLast('<b>Hello</b>, Ada', 'received');
  await page.reload();
  await Promise.all([ada.says('connected'), grace.says('connected')]);
  await ada.seesLast('<b>Hello</b>, Ada', 'received');
  assert.deepEqual(await ada.contents(), ['Hello, Grace', '<b>Hello</b>, Ada']);
  assert.deepEqual(await grace.contents(), ['Hello, Grace', '<b>Hello</b>, Ada']);
  assert.deepEqual(complaints, []);
});

test('the panes open at the newest message', { skip }, async (t) => {
  const { ada, grace, page } = await openPage(t);
  for (let number = 1; number <= 10; number += 1) await ada.write(`message ${number}`);
  await grace.seesLast('message 10', 'received');
  await page.reload();
  await Promise.all([ada.says('history loaded'), grace.says('history loaded')]);
  assert.equal((await ada.contents()).length, 10);
  assert.ok((await ada.hidden()) < 2 && (await grace.hidden()) < 2, 'the newest message is not seen');
});

test('history that cannot be read is said, and read again on request', { skip }, async (t) => {
  const { ada, page } = await openPage(t);
  await ada.write('from before');
  await ada.seesLast('from before', 'sent');
  const history = '**/messages/direct/**';
  const body = JSON.stringify({ success: false, message: 'Too many requests', code: 'RATE_LIMITED' });
  await page.route(history, (route) => route.fulfill({ status: 429, contentType: 'application/json', body }));
  await page.reload();
  await ada.says('history could not be read: Too many requests');
  await page.unroute(history);
  await ada.press('Read Ada’s history again');
  await ada.says('history loaded');
  assert.deepEqual(await ada.contents(), ['from before']);
});

test('a refused message says why, is seen whole, and can be sent again', { skip }, async (t) => {
  const { ada, grace } = await openPage(t, { RATE_LIMIT_MESSAGES: '5/3' });
  for (let number = 1; number <= 6; number += 1) await ada.write(`message ${number}`);
  await ada.seesLast('message 6', 'not sent: ');
  assert.ok((await ada.hidden()) < 2, 'the reason is clipped');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await ada.press('Retry: message 6');
  await ada.seesLast('message 6', 'sent');
  await grace.seesLast('message 6', 'received');
  assert.equal((await grace.contents()).length, 6);
});

test('whoever was signed out signs in again, with a new token', { skip }, async (t) => {
  const { ada, grace, server } = await openPage(t);
  const { body } = await server.call('POST', '/demo/pair');
  const { ada: own } = body['data'] as { ada: { accessToken: string } };
  await server.call('POST', '/api/v1/auth/logout-all', { token: own.accessToken });
  await ada.says('signed out by the server');
  await ada.press('Sign Ada in again');
  await ada.says('connected');
  await ada.write('here again');
  await grace.seesLast('here again', 'received');
});

test('a pane that was cut gets what it missed, and says what it could not', { skip }, async (t) => {
  const { ada, grace, complaints } = await openPage(t);
  await ada.write('before');
  await grace.seesLast('before', 'received');
  await grace.cut();
  await ada.write('missed one');
  await ada.seesLast('missed one', 'sent');
  await grace.write('said alone');
  await grace.seesLast('said alone', 'sending when connected again');
  await ada.write('missed two');
  await ada.seesLast('missed two', 'sent');
  await grace.reconnect();
  await grace.says('recovered: 2 missed messages arrived');
  await grace.seesLast('said alone', 'sent');
  await ada.seesLast('said alone', 'received');
  const everything = ['before', 'missed one', 'missed two', 'said alone'];
  assert.deepEqual(await grace.contents(), everything);
  assert.deepEqual(await ada.contents(), everything);
  assert.deepEqual(complaints, []);
});

test('the panes come back by themselves when the server restarts', { skip }, async (t) => {
  const { ada, grace, server } = await openPage(t);
  await ada.write('before the restart');
  await grace.seesLast('before the restart', 'received');
  await server.restart();
  await Promise.all([ada.says('recovered: nothing was missed'), grace.says('recovered: nothing was missed')]);
  await grace.write('after the restart');
  await ada.seesLast('after the restart', 'received');
  assert.deepEqual(await ada.contents(), ['before the restart', 'after the restart']);
});

test('the page can be used by keyboard alone, and fits a phone', { skip }, async (t) => {
  const { page, grace } = await openPage(t);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.getByLabel('Message from Ada to Grace').focus();
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await grace.seesLast('typed', 'received');
  const [wide, seen] = await Promise.all([
    page.evaluate<number>('document.documentElement.scrollWidth'),
    page.evaluate<number>('window.innerWidth'),
  ]);
  assert.ok(wide <= seen, `the page is ${wide} px wide on a screen of ${seen}`);
});

const root = fileURLToPath(new URL('../../', import.meta.url));

const paste = async (commands: string): Promise<string> =>
  (await promisify(execFile)('bash', ['-c', commands], { cwd: root, timeout: 30_000 })).stdout;

/** Runs a command that does not end by itself, and waits for lines of its output. */
function pasteOpenly(t: TestContext, command: string) {
  const child = spawn('bash', ['-c', `exec ${command}`], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return async (wanted: string): Promise<void> => {
    for (let line = await lines.next(); line.value !== wanted; line = await lines.next()) {
      assert.ok(line.done !== true, `it ended without a line "${wanted}"`);
    }
  };
}

test('the commands on the page work as pasted', { timeout: 60_000 }, async (t) => {
  const { url } = await startServer(t);
  const page = await (await fetch(url)).text();
  const found = page.matchAll(/<pre><code>(.*?)<\/code>/gs);
  const [write = '', listen = '', example = ''] = [...found].map(([, text = '']) => text.replaceAll('&quot;', '"'));
  assert.ok(write.startsWith('PAIR=') && listen.startsWith('node ') && example.startsWith('npx '));
  const heard = pasteOpenly(t, listen);
  await heard('Grace listens');
  assert.match(await paste(write), /"success":true.*"content":"Hello from a terminal"/);
  await heard('Hello from a terminal');
  assert.match(await paste(example), /recovered: true/);
});
