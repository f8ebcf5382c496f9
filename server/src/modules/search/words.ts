import { beginningOf, wordsOf } from '../../kernel/words.ts';

/** By how many of its first letters a word is found. */
const shortestBeginning = 2;
const longestBeginning = 16;

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
