import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askPassword } from './ask-password.ts';

/** A terminal whose screen can be read. */
function openTerminal() {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough({ encoding: 'utf8' });
  let screen = '';
  output.on('data', (chunk: string) => (screen += chunk));
  return { input, output, screen: () => screen };
}

async function type(input: PassThrough, ...lines: string[]): Promise<void> {
  for (const line of lines) {
    await sleep(20);
    input.write(line);
  }
}

test('on a terminal the password is asked for twice and never shown', async () => {
  const { screen, ...terminal } = openTerminal();
  const asked = askPassword(terminal, false);
  await type(terminal.input, 'Passwort\u007fd123\r', 'Password123\r');
  assert.equal(await asked, 'Password123');
  assert.equal(screen(), 'Password: \nAgain: \n');
});

test('two different passwords, Ctrl-C and Ctrl-D do nothing', async () => {
  for (const lines of [['Password123\r', 'Password124\r'], ['Pass\u0003'], ['\u0004']]) {
    const { screen, ...terminal } = openTerminal();
    const asked = askPassword(terminal, false);
    const refused = assert.rejects(asked, /nothing was done/);
    await type(terminal.input, ...lines);
    await refused;
    assert.doesNotMatch(screen(), /Pass(?!word: )/);
  }
});

test('elsewhere it is what stdin says, without the end of the line, and without a question', async () => {
  for (const [isTTY, fromStdin] of [
    [false, false],
    [true, true],
  ] as const) {
    const { screen, input, output } = openTerminal();
    input.end(' a pass word \n');
    assert.equal(await askPassword({ input: Object.assign(input, { isTTY }), output }, fromStdin), ' a pass word ');
    assert.equal(screen(), '');
  }
});
