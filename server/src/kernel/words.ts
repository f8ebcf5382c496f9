/** Letters of a word that count; what is longer (an address, a picture as text) is told apart by its beginning. */
const longestWord = 32;

/** Runs of letters and digits; of scripts that put no spaces between words each sign by itself. */
const wordPattern =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]]+/gv;
const accents = /[\u0300-\u036f]/g;
const onlyAscii = /^\p{ASCII}*$/v;

/**
 * The words of a text, each once: in small letters, without accents, whatever stands between them left out. The same for
 * what is stored and what is asked, on every database.
 */
export function wordsOf(text: string): string[] {
  const plain = onlyAscii.test(text) ? text : text.normalize('NFKD').replace(accents, '').normalize('NFC');
  const words = plain.toLowerCase().match(wordPattern) ?? [];
  return [...new Set(words.map((word) => beginningOf(word, longestWord)))];
}

/** Half of a surrogate pair is no text. */
export const beginningOf = (word: string, length: number): string =>
  word.length <= length ? word : word.slice(0, length).toWellFormed();
