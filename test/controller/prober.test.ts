/** Pods are asked again while they are not what they should be. */
import { expect, it } from 'vitest';
import { createProber } from '../../src/controller/prober.ts';
import type { Clock } from '../../src/lib/clock.ts';

it('asks again when its time has come by a timer that goes off a moment early, as those of Node do', async () => {
  let now = 0;
  const timers: { at: number; fn: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(ms, fn) {
      timers.push({ at: now + ms - 0.4, fn });
      return () => {};
    },
  };
  const answers = [false, false, true];
  const target = { id: 'pod/0', key: 'speech/vad', url: 'http://unused', model: 'vad', version: 2 };
  let lookedAt = 0;
  const prober = createProber({ probe: async () => answers.shift() ?? true, enqueue: () => void look(), clock });
  const look = (): string => {
    lookedAt++;
    return prober.verdict(target).verdict;
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  expect(look()).toBe('Asking');
  await settled();
  for (let n = 0; n < 2; n++) {
    const timer = timers.shift();
    now = timer?.at ?? now;
    timer?.fn();
    await settled();
  }
  expect(look()).toBe('Verified');
  expect({ answers, timers }).toEqual({ answers: [], timers: [] });
  expect(lookedAt).toBeLessThan(10);
});
