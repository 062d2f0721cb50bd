import { expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';

it('a wait longer than a timer can hold is not one of a millisecond', async () => {
  const fired: string[] = [];
  const cancel = systemClock.after(30 * 24 * 3600_000, () => fired.push('in thirty days'));
  const kept = setInterval(() => {}, 1000); // the clock's own timers keep no process alive
  await new Promise<void>((resolve) => void systemClock.after(50, resolve));
  clearInterval(kept);
  cancel();
  expect(fired).toEqual([]);
});
