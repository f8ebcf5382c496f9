/** Every step, whatever becomes of those before it; rejects with the first failure once all have been taken. */
export async function inOrder(onFailure: (error: unknown) => void, steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      onFailure(error);
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
