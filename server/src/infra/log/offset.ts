/** What clients hold: `<epoch>.<seq>`. Anything else is no offset. */
export const formatOffset = (epoch: string, seq: number): string => `${epoch}.${seq}`;

/** The `seq` of an offset of this epoch, or `undefined`: a foreign epoch, or no offset at all. */
export function parseOffset(epoch: string, offset: unknown): number | undefined {
  if (typeof offset !== 'string' || offset.length > 64 || !offset.startsWith(`${epoch}.`)) return undefined;
  const digits = offset.slice(epoch.length + 1);
  if (!/^(0|[1-9]\d{0,15})$/.test(digits)) return undefined;
  const seq = Number(digits);
  return Number.isSafeInteger(seq) ? seq : undefined;
}
