/** Sentences in which words are as common and as rare as in a language, the same in every run, and what is asked of them. */

const VOCABULARY = 20_000;
const WORDS_IN_A_SENTENCE = 10;
const SYLLABLES = ['ba', 'ce', 'di', 'fo', 'gu', 'ha', 'ke', 'li', 'mo', 'nu', 'pa', 're', 'si', 'to', 'vu', 'za'];
/** Places in the order of how common a word is. */
const ASKED = [1, 2, 5, 10, 30, 100, 300, 1_000, 3_000, 10_000, 19_000];

export interface Fillers {
  sentence(): string;
  queries: string[];
}

export function fillers(): Fillers {
  const vocabulary = Array.from({ length: VOCABULARY }, (_, rank) => wordOf(rank));
  const random = numbers(1);
  // The chance of a word falls with its rank: exp of an even number is 1/x.
  const pick = () => vocabulary[Math.floor(Math.exp(random() * Math.log(VOCABULARY + 1))) - 1] ?? '';
  const asked = ASKED.map((rank) => vocabulary[rank] ?? '');
  return {
    sentence: () => Array.from({ length: WORDS_IN_A_SENTENCE }, pick).join(' '),
    queries: [
      ...asked,
      ...asked.flatMap((word, n) => asked.slice(n + 1, n + 4).map((other) => `${word} ${other}`)),
      ...asked.flatMap((word) => [word.slice(0, 2), word.slice(0, 3), word.slice(0, 5)]),
    ],
  };
}

/** Different for each rank, two to five syllables. */
function wordOf(rank: number): string {
  let word = '';
  for (let left = rank * 7 + 16; left > 0; left = Math.floor(left / SYLLABLES.length)) {
    word += SYLLABLES[left % SYLLABLES.length] ?? '';
  }
  return word;
}

/** Even numbers from 0 to 1 (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
