/** What a run measured and what it demanded; says PASS only when every demand held and there was at least one. */
export class Verdict {
  readonly #say: (line: string) => void;
  readonly #broken: string[] = [];
  #demands = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  say(line: string): void {
    this.#say(line);
  }

  figure(name: string, value: string | number): void {
    this.#say(`  ${name.padEnd(44)} ${typeof value === 'number' ? round(value) : value}`);
  }

  /** A demand. `detail` is printed in both cases; say there what was seen. */
  demand(what: string, held: boolean, detail = ''): void {
    this.#demands++;
    if (!held) this.#broken.push(what);
    this.#say(`  ${held ? 'ok  ' : 'FAIL'} ${what}${detail === '' ? '' : `: ${detail}`}`);
  }

  get broken(): readonly string[] {
    return this.#broken;
  }

  get passed(): boolean {
    return this.#demands > 0 && this.#broken.length === 0;
  }
}

export const round = (value: number): string => {
  if (!Number.isFinite(value)) return 'none';
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1);
};

export const milliseconds = (value: number): string => (Number.isFinite(value) ? `${round(value)} ms` : 'none');
