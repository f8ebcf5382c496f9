import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { commonErrors, Refusal } from './errors.ts';

// Enough for every field of a form, each of whose alternatives counts; with the eight of the package a few wrong fields hid the rest.
Settings.Set({ maxErrors: 64 });

/** A compiled check of one schema: returns the value typed, or refuses with what is wrong. */
export type Check<Value> = (input: unknown) => Value;

/** One thing that a validator found wrong. `schemaPath` leads to the broken rule, as in `#/properties/email`. */
export type Fault = Readonly<{
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: object;
  message?: string;
}>;

/** What is wrong with one field, in words for a person; `path` is empty when it is the whole. */
export type Wording = Readonly<{ path: string; words: string }>;

/**
 * Compiles a schema once. The check neither converts nor copies: what passes is the input itself.
 * Throws `Refusal` INVALID_INPUT whose message names the fields.
 */
export function compileCheck<Schema extends TSchema>(schema: Schema): Check<Static<Schema>> {
  const validator = Compile(schema);
  return (input) => {
    if (validator.Check(input)) return input as Static<Schema>;
    const message = sentence(wordFaults(schema, validator.Errors(input)));
    throw new Refusal(commonErrors.INVALID_INPUT, { message });
  };
}

/**
 * The first fault of each field. A schema says in its option `x-fault` what a value that breaks its pattern or format is
 * or must be (`is not an email address`): nobody should have to read a regular expression. Of alternatives, the first
 * one's fault is told, and of constants all of them.
 */
export function wordFaults(schema: unknown, faults: readonly Fault[]): Wording[] {
  const told = faults.filter(
    ({ keyword, schemaPath }) => keyword === 'const' || (keyword !== 'anyOf' && !/\/anyOf\/[1-9]/.test(schemaPath)),
  );
  const fields = Map.groupBy(told.flatMap(eachMissing), ({ instancePath }) => instancePath.split('/')[1] ?? '');
  return [...fields.values()].map((own) => wordFault(schema, own));
}

/** What is missing is a fault of the field that should be there. */
function eachMissing(fault: Fault): Fault[] {
  const names = fault.keyword === 'required' ? [read(fault.params, 'requiredProperties')].flat() : [];
  if (names.length === 0) return [fault];
  return names.map((name) => ({ ...fault, instancePath: `${fault.instancePath}/${String(name)}` }));
}

function wordFault(schema: unknown, faults: readonly Fault[]): Wording {
  const [first] = faults;
  if (first === undefined) return { path: '', words: 'is not valid' };
  const path = first.instancePath;
  const constants = faults.filter(({ keyword, instancePath }) => keyword === 'const' && instancePath === path);
  if (constants.length > 0) return { path, words: oneOf(constants.map(({ params }) => read(params, 'allowedValue'))) };
  if (first.keyword === 'enum') return { path, words: oneOf([read(first.params, 'allowedValues')].flat()) };
  if (first.keyword === 'pattern' || first.keyword === 'format') {
    const said = read(first.schemaPath.split('/').slice(1).reduce(read, schema), 'x-fault');
    return { path, words: typeof said === 'string' ? said : 'is not written as it should be' };
  }
  if (first.keyword === 'minLength' && read(first.params, 'limit') === 1) return { path, words: 'must not be empty' };
  if (first.keyword === 'required') return { path, words: 'is missing' };
  const kind = first.keyword === 'type' ? kinds[String(read(first.params, 'type'))] : undefined;
  return { path, words: kind === undefined ? (first.message ?? 'is not valid') : `must be ${kind}` };
}

/** Types of JSON, for somebody who may not know their names. */
const kinds: Readonly<Record<string, string>> = {
  string: 'a text in quotes',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list: […]',
  object: 'a JSON object: {…}',
};

const mostTold = 5;

/** Up to five fields, and how many more. `whole` is what they are part of; it is named when the fault is not in one of them. */
export function sentence(wordings: readonly Wording[], whole = 'body'): string {
  const told = wordings.slice(0, mostTold).map(({ path, words }) => {
    const field = path.replace(/^\//, '').replaceAll('/', '.');
    return field === '' ? `The ${whole} ${words}` : `${field} ${words}`;
  });
  const more = wordings.length - told.length;
  return told.join('; ') + (more === 0 ? '' : `; and ${more} more`);
}

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.map(String).join(', ')}`;

const read = (from: unknown, name: string): unknown =>
  typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined;
