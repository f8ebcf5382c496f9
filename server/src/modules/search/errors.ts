import { errorTable } from '../../kernel/errors.ts';

export const searchErrors = errorTable({
  NO_WORD: { kind: 'invalid', message: 'query must hold a letter or a digit to search for' },
});
