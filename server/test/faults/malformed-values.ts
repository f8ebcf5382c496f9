import type { Random } from './random.ts';

const nested = (levels: number, open: string, close: string): string =>
  `${open.repeat(levels)}1${close.repeat(levels)}`;

/** JSON texts that no schema expects, small ones more often than large ones. */
const strange: readonly string[] = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-1',
    '1e400',
    '-1e400',
    '1e-400',
    '9007199254740993',
    '123456789012345678901234567890',
  ],
  ...[
    '""',
    '"x"',
    '" "',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u202e"',
    '"\u{1f600}"',
    '"é\u0301"',
  ],
  ...['"__proto__"', '"constructor"', '"toString"', '"NaN"', '"undefined"', '"[object Object]"', '"../../etc/passwd"'],
  ...[
    '"\' OR 1=1 --"',
    '"\\" OR *"',
    '"NEAR("',
    '"%"',
    '"%00"',
    '"_"',
    '"<script>alert(1)</script>"',
    '"\\r\\nSet-Cookie: a=b"',
  ],
  ...[
    '{}',
    '[]',
    '[null]',
    '[[]]',
    '[1,2,3]',
    '{"a":1}',
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"x":1}}}',
  ],
  ...['{"length":-1}', '{"toString":1}', '{"toJSON":"x"}', '{"then":1}', '{"":""}', '{"a":1,"a":2}'],
  ...['"2026-13-45T99:99:99Z"', '"1970-01-01"', '"00000000-0000-0000-0000-000000000000"', '"507f1f77bcf86cd799439011"'],
];

const large: readonly (() => string)[] = [
  () => nested(100, '[', ']'),
  () => nested(10_000, '[', ']'),
  () => nested(10_000, '{"a":', '}'),
  () => `"${'x'.repeat(6_000)}"`,
  () => `"${'é'.repeat(40_000)}"`,
  () => `[${'0,'.repeat(20_000)}0]`,
  () => `{${Array.from({ length: 2_000 }, (_, n) => `"key${n}":${n}`).join()}}`,
];

export const strangeJson = (random: Random): string =>
  random.chance(0.03) ? random.pick(large)() : random.pick(strange);

const texts: readonly string[] = [
  ...[
    '',
    ' ',
    '%',
    '%00',
    '%ff',
    '%c0%ae',
    '..',
    '..%2f..',
    '%2e%2e',
    '*',
    '-1',
    '0',
    '1e9',
    '99999999999999999999',
    'null',
    'NaN',
  ],
  ...[
    '__proto__',
    'constructor',
    'undefined',
    'true',
    '%F0%9F%98%80',
    '%E2%80%AE',
    "'",
    '%22',
    '%3Cscript%3E',
    'a%0d%0ab',
    '{}',
    '[]',
  ],
  ...['x'.repeat(200), '00000000-0000-0000-0000-000000000000', '507f1f77bcf86cd799439011', 'search', 'blocked', 'me'],
];

/** A piece of an address, as it is written there. */
export const strangePiece = (random: Random): string => random.pick(texts);

/** JSON for an object of these fields, of which some are not what they should be; now and then no JSON at all. */
export function strangeBody(random: Random, fields: Readonly<Record<string, unknown>>): string {
  if (random.chance(0.1)) return strangeJson(random);
  const entries = Object.entries(fields).map(([name, value]) => {
    const written = random.chance(0.4) ? strangeJson(random) : JSON.stringify(value);
    return random.chance(0.1) ? '' : `${JSON.stringify(name)}:${written}`;
  });
  if (random.chance(0.15))
    entries.push(`${random.pick(strange.filter((text) => text.startsWith('"')))}:${strangeJson(random)}`);
  if (random.chance(0.1)) entries.push(...entries);
  const text = `{${entries.filter((entry) => entry !== '').join()}}`;
  return random.chance(0.1) ? spoilt(random, text) : text;
}

/** Cut off, with a letter too many, or with one that is another. */
export function spoilt(random: Random, text: string): string {
  const at = random.between(0, text.length);
  const letter = random.pick([
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    ':',
    '\\',
    '\u0000',
    '\ufeff',
    '\u2028',
    '0',
    'e',
    '-',
    ' ',
  ]);
  return random.pick([
    text.slice(0, at),
    text.slice(0, at) + letter + text.slice(at),
    `${letter}${text}`,
    `${text}${letter}`,
  ]);
}
