/** Pods are asked again while they are not what they should be, ever less often, and not all at once. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createProber } from '../../src/controller/prober.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { eventually } from '../support/eventually.ts';

const target = { id: 'pod/0', key: 'speech/vad', url: 'http://unused', model: 'vad', version: 2 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

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
  let lookedAt = 0;
  const prober = createProber({ probe: async () => answers.shift() ?? true, enqueue: () => void look(), clock });
  const look = (): string => {
    lookedAt++;
    return prober.verdict(target).verdict;
  };

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

it('asks ever less often what goes on saying no, and another life of it as soon as a new one', async () => {
  const timers: { ms: number; fn: () => void }[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after(ms, fn) {
      timers.push({ ms, fn });
      return () => {};
    },
  };
  const prober = createProber({ probe: async () => false, enqueue: () => {}, clock });
  const waits = async (id: string, tries: number): Promise<number[]> => {
    const found: number[] = [];
    for (let n = 0; n < tries; n++) {
      prober.verdict({ ...target, id });
      await settled();
      const timer = timers.shift();
      found.push(timer?.ms ?? 0);
      timer?.fn();
    }
    return found;
  };
  const [first = 0, ...more] = await waits('pod/0', 12);
  expect(first).toBeLessThanOrEqual(2000);
  expect(Math.max(...more)).toBe(30_000);
  expect((await waits('pod/1', 1))[0]).toBeLessThanOrEqual(2000);
});

it('believes one that was slow once to have been slow, and not to be another', async () => {
  const failures = [new DOMException('', 'TimeoutError'), new DOMException('', 'TimeoutError')];
  const asked: number[] = [];
  const probe = () => {
    asked.push(failures.length);
    return Promise.reject(failures.shift());
  };
  const enqueued: string[] = [];
  const prober = createProber({ probe, enqueue: (key) => enqueued.push(`${key} ${prober.verdict(target).verdict}`) });
  expect(prober.verdict(target)).toEqual({ verdict: 'Asking' });
  await settled();
  expect(asked).toEqual([2, 1]);
  expect(enqueued).toEqual(['speech/vad Refuted']);
  expect(prober.verdict(target)).toEqual({ verdict: 'Refuted', why: 'timed out' });
  prober.close();
});

it('asks 64 at a time, and all', async () => {
  const held: http.ServerResponse[] = [];
  let isHolding = true;
  const answer = (response: http.ServerResponse) => response.end(JSON.stringify({ name: 'vad', versions: ['2'] }));
  const server = http.createServer(({ url }, response) => {
    if (isHolding && url !== '/after-them') held.push(response);
    else answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const prober = createProber({ enqueue: () => {} });
  const targets = Array.from({ length: 300 }, (_, i) => ({ ...target, id: `pod/${i}`, url }));
  const verdicts = () => new Set(targets.map((one) => prober.verdict(one).verdict));
  expect(verdicts()).toEqual(new Set(['Asking']));
  await eventually(() => expect(held.length).toBeGreaterThanOrEqual(64));
  await fetch(`${url}/after-them`); // what was asked at once with those would be there before it
  expect(held).toHaveLength(64);
  isHolding = false;
  held.forEach(answer);
  await eventually(() => expect(verdicts()).toEqual(new Set(['Verified'])));
  prober.close();
  server.closeAllConnections();
  server.close();
});
