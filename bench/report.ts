/** Statistics and the tables that the benchmarks print. */

/** What a ratio is held against. */
export interface Goal {
  bound: 'at least' | 'at most';
  value: number;
}

/** The middle value; NaN for none. */
export function median(values: number[]): number {
  return percentile(values, 0.5);
}

/** The value below which `share` (0 to 1) of the values lie, by nearest rank; NaN for none. */
export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  if (share === 0.5 && sorted.length % 2 === 0) {
    return ((sorted[sorted.length / 2 - 1] ?? 0) + (sorted[sorted.length / 2] ?? 0)) / 2;
  }
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** The ratio of each round (ours to bare), to be summed up by its median: neighbours in time share the machine's mood. */
export function ratios(ours: number[], bare: number[]): number[] {
  return ours.map((value, round) => value / (bare[round] ?? Number.NaN));
}

/** One ratio with its spread and, where there is one, its goal: `1.57 (1.49 to 1.61), goal at least 1.3: met`. */
export function ratioText(values: number[], goal?: Goal): string {
  const middle = median(values);
  const text = `${middle.toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
  if (!goal) return text;
  return `${text}, ${goalText(middle, goal)}`;
}

/** `goal at least 1.3: met` or `: MISSED`. */
export function goalText(value: number, goal: Goal): string {
  const met = goal.bound === 'at least' ? value >= goal.value : value <= goal.value;
  return `goal ${goal.bound} ${goal.value}: ${met ? 'met' : 'MISSED'}`;
}

/** Prints rows in columns; the first row is the heading. */
export function printTable(rows: string[][]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    console.log(
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}`,
    );
  }
}

/** One measured quantity of both servers, round by round. */
export interface Compared {
  name: string;
  bare: number[];
  ours: number[];
  format: (value: number) => string;
  goal?: Goal | undefined;
}

/** Prints the medians of both sides and the median of the rounds' ratios. */
export function printCompared(quantities: Compared[]): void {
  const rows = [['', 'bare', 'ours', 'ratio, median (spread)']];
  for (const { name, bare, ours, format, goal } of quantities) {
    rows.push([name, format(median(bare)), format(median(ours)), ratioText(ratios(ours, bare), goal)]);
  }
  printTable(rows);
}

/** 12345.6 → `12,346`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A number of milliseconds with two decimals. */
export function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`;
}

/** A number of microseconds with one decimal. */
export function microseconds(value: number): string {
  return `${value.toFixed(1)} µs`;
}
