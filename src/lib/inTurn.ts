/** Does it for one after the other. One that fails holds up none behind it: the first error is thrown when all have had their turn. */
export async function inTurn<T>(items: Iterable<T>, act: (item: T) => Promise<unknown>): Promise<void> {
  let failed: { error: unknown } | undefined;
  for (const item of items) {
    try {
      await act(item);
    } catch (error) {
      failed ??= { error };
    }
  }
  if (failed) throw failed.error;
}
