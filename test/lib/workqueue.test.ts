/** What a server asked for is kept: the key waits, whatever happens to it meanwhile. */
import { expect, it } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { createWorkQueue } from '../../src/lib/workqueue.ts';

it('a key that was asked to wait is not worked on before, also when it is added again', async () => {
  let now = 0;
  const timers: { at: number; run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  };
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    for (const timer of timers.filter(({ at }) => at <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.run();
    }
    await new Promise(setImmediate);
  };
  let count = 0;
  const queue = createWorkQueue({
    async work() {
      count++;
      throw new Error('too many requests');
    },
    onError: () => {},
    askedToWaitMs: () => 3000,
    clock,
  });
  queue.add('a');
  await pass(0);
  expect(count).toBe(1);
  for (let turn = 0; turn < 10; turn++) {
    queue.add('a');
    await pass(200);
  }
  expect(count).toBe(1);
  await pass(1000);
  expect(count).toBe(2);
  await queue.stop();
});
