/** Letters of a word that count; what is longer (an address, a picture as text) is told apart by its beginning. */
const longestWord = 32;
/** By how many of its first letters a word is found. */
const shortestBeginning = 2;
const longestBeginning = 16;

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

/** Under what a text is found: its words, and their beginnings, which carry a sign that no word has. */
export function entriesOf(text: string): string[] {
  const entries = new Set<string>();
  for (const word of wordsOf(text)) {
    entries.add(word);
    const end = Math.min(word.length - 1, longestBeginning);
    for (let length = shortestBeginning; length <= end; length += 1) entries.add(beginning(beginningOf(word, length)));
  }
  return [...entries];
}

/** The entry of all words that begin like this and go on. */
export const beginning = (word: string): string => `.${word}`;

/** Half of a surrogate pair is no text. */
const beginningOf = (word: string, length: number): string =>
  word.length <= length ? word : word.slice(0, length).toWellFormed();
