import assert from 'node:assert/strict';
import test from 'node:test';
import { Type } from 'typebox';
import { Refusal } from './errors.ts';
import { compileCheck } from './schema.ts';

const key = Type.String({ pattern: '^[!-~]{8,128}$', 'x-fault': 'must have 8 to 128 printable characters' });
const check = compileCheck(
  Type.Object({
    key: Type.Optional(Type.Union([key, Type.Null()])),
    kind: Type.Optional(Type.Union([Type.Union([Type.Literal('TEXT'), Type.Literal('IMAGE')]), Type.Null()])),
    role: Type.Optional(Type.Enum(['USER', 'ADMIN'])),
    version: Type.Optional(Type.Literal(2)),
    keys: Type.Optional(Type.Array(key)),
    code: Type.Optional(Type.String({ pattern: '^x+$' })),
    name: Type.Optional(Type.String({ minLength: 3 })),
  }),
);

function refusalOf(input: unknown): string {
  try {
    check(input);
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.message;
  }
  return 'accepted';
}

test('a refusal says in plain words what is wrong with which field, and shows no pattern', () => {
  assert.equal(refusalOf({ key: 'a key' }), 'key must have 8 to 128 printable characters');
  assert.equal(refusalOf({ keys: ['long-enough', 'short'] }), 'keys.1 must have 8 to 128 printable characters');
  assert.equal(refusalOf({ code: 'y' }), 'code is not written as it should be');
  assert.equal(refusalOf({ name: 'ab' }), 'name must not have fewer than 3 characters');
  assert.equal(refusalOf([]), 'The body must be a JSON object: {…}');
});

test('of constants all are told', () => {
  assert.equal(refusalOf({ kind: 'SMELL' }), 'kind must be one of TEXT, IMAGE');
  assert.equal(refusalOf({ role: 'KING' }), 'role must be one of USER, ADMIN');
  assert.equal(refusalOf({ version: 3 }), 'version must be 2');
});

test('what fits passes as it is', () => {
  const input = { key: null, kind: 'IMAGE', role: 'USER', name: 'ada' };
  assert.equal(check(input), input);
});

test('every field that is wrong is named once, and after five how many more', () => {
  assert.equal(
    refusalOf({ name: 'ab', role: 'KING', version: 3 }),
    'role must be one of USER, ADMIN; version must be 2; name must not have fewer than 3 characters',
  );
  const wrong = { key: 1, kind: 1, role: 1, version: 1, keys: [1, 2], code: 1, name: 1 };
  assert.match(
    refusalOf(wrong),
    /^key must be a text in quotes; kind must be one of TEXT, IMAGE; .*keys\.0 .*; and 2 more$/,
  );
});

test('what is missing is told of the field, and of alternatives only the first is', () => {
  const text = Type.String();
  const form = compileCheck(
    Type.Object({ email: text, place: Type.Optional(Type.Object({ town: text })), password: text }),
  );
  assert.throws(() => form({ place: {} }), { message: 'email is missing; password is missing; place.town is missing' });
  const either = compileCheck(Type.Union([Type.Object({ groupId: text }), Type.Object({ receiverId: text })]));
  assert.throws(() => either({}), { message: 'groupId is missing' });
});
