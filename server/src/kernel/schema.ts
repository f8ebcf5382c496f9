import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { commonErrors, Refusal } from './errors.ts';

/** A compiled check of one schema: returns the value typed, or refuses with the first thing that is wrong. */
export type Check<Value> = (input: unknown) => Value;

/** One thing that a validator found wrong. `schemaPath` leads to the broken rule, as in `#/properties/email`. */
export type Fault = Readonly<{
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: object;
  message?: string;
}>;

/**
 * Compiles a schema once. The check neither converts nor copies: what passes is the input itself.
 * Throws `Refusal` INVALID_INPUT whose message names the field.
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
 * The first fault in words for a person. A schema says in its option `x-fault` what a value that breaks its pattern or
 * format is or must be (`is not an email address`): nobody should have to read a regular expression. Of alternatives,
 * the first one's fault is told, and of constants all of them.
 */
export function wordFaults(schema: unknown, faults: readonly Fault[]): Readonly<{ path: string; words: string }> {
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
  return { path, words: first.message ?? 'is not valid' };
}

/** `whole` is what the fields are part of; it is named when the fault is not in one of them. */
export function sentence({ path, words }: { path: string; words: string }, whole = 'body'): string {
  const field = path.replace(/^\//, '').replaceAll('/', '.');
  return field === '' ? `The ${whole} ${words}` : `${field} ${words}`;
}

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.map(String).join(', ')}`;

const read = (from: unknown, name: string): unknown =>
  typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined;
