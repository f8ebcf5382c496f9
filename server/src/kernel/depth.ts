/**
 * Whether objects and lists lie at most so many levels inside each other. To be asked before anything that came from
 * outside is written as JSON: writing descends once a level, and the stack ends at a few thousand.
 */
export function isShallow(value: unknown, levels: number): boolean {
  let level = [value].filter(isHolder);
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth >= levels) return false;
    level = level.flatMap((holder) => Object.values(holder)).filter(isHolder);
  }
  return true;
}

const isHolder = (value: unknown): value is object => typeof value === 'object' && value !== null;
