import assert from 'node:assert/strict';
import test from 'node:test';
import { isFreeName } from './names.ts';

test('the documented names, and names of one’s own, are free', () => {
  for (const name of [
    'notification',
    'alert',
    'update',
    'announcement',
    'order.shipped',
    'order shipped',
    'заказ',
    'n1',
  ])
    assert.equal(isFreeName(name), true, name);
});

test('threat N-2: a reserved name is refused in every spelling', () => {
  const names = [
    'connect',
    'connect_error',
    'disconnect',
    'error',
    'connected',
    'message',
    'messageReceived',
    'system',
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'then',
  ];
  const spellings = [
    (name: string) => name,
    (name: string) => name.toUpperCase(),
    (name: string) => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    (name: string) => ` ${name}`,
    (name: string) => `${name}\t`,
    (name: string) => `${name}\n`,
    (name: string) => `${name}\u00A0`,
    (name: string) => `${name}\u200B`,
    (name: string) => `${name}\u0000`,
    (name: string) => `\uFEFF${name}`,
    (name: string) => `\u202E${name}`,
    (name: string) => [...name].join(' '),
    (name: string) => `${name.slice(0, 3)}-${name.slice(3)}`,
    (name: string) => name.replace('e', 'é'),
    (name: string) => name.replace('e', 'е'),
    (name: string) => name.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
    (name: string) => name.replace('s', 'ſ'),
    (name: string) => `__${name}__`,
  ];
  for (const name of names)
    for (const spell of spellings) assert.equal(isFreeName(spell(name)), false, JSON.stringify(spell(name)));
});

test('every name with a colon, or with what looks like one, is the server’s', () => {
  for (const name of ['call:ringing', 'message:received', 'a:b', ':', 'call：ringing', 'call∶ringing', 'callːringing'])
    assert.equal(isFreeName(name), false, name);
});

test('a name must have a letter or a digit', () => {
  for (const name of ['', ' ', '-', '__', '\u200B']) assert.equal(isFreeName(name), false, JSON.stringify(name));
});
