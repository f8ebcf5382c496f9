import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { commonErrors, Refusal } from './errors.ts';

/** A compiled check of one schema: returns the value typed, or refuses with the first thing that is wrong. */
export type Check<Value> = (input: unknown) => Value;

/**
 * Compiles a schema once. The check neither converts nor copies: what passes is the input itself.
 * Throws `Refusal` INVALID_INPUT whose message names the field.
 */
export function compileCheck<Schema extends TSchema>(schema: Schema): Check<Static<Schema>> {
  const validator = Compile(schema);
  return (input) => {
    if (validator.Check(input)) return input as Static<Schema>;
    const [first] = validator.Errors(input);
    throw new Refusal(commonErrors.INVALID_INPUT, { message: sentence(first?.instancePath ?? '', first?.message) });
  };
}

function sentence(path: string, message = 'is not valid'): string {
  const field = path.replace(/^\//, '').replaceAll('/', '.');
  return field === '' ? `The body ${message}` : `${field} ${message}`;
}
