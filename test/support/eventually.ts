import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until a check passes: the test's alternative to sleeping. Fails with the check's last error. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  const { withinMs = 10_000, everyMs = 25 } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(everyMs);
    }
  }
}
