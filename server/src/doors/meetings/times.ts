/** ISO 8601 in UTC with whole seconds, as this door writes every time. */
export const isoSeconds = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;

export const isoOrNull = (milliseconds: number | null): string | null =>
  milliseconds === null ? null : isoSeconds(milliseconds);
