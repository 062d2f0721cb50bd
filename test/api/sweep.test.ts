/** Which bytes go by themselves: those that no version names, and only when an upload can no longer be waiting for its version. */
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSweeping } from '../../src/modules/registry/index.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

const HOUR = 3_600_000;
let t: TestApi;
beforeAll(async () => {
  t = await anApi();
});
afterAll(() => t.close());

const put = async (text: string): Promise<string> => {
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { status } = await fetch(`${t.api.url}/artifacts/${digest}`, { method: 'PUT', body: text, headers });
  expect(status).toBe(201);
  return digest;
};

test('after a day what no version names is removed, every hour, until the end', async () => {
  const [named, nameless] = [await put('named'), await put('nameless')];
  await t.ask('mutation { createTeam(input: { name: "speech" }) { team { id } } }');
  await t.ask('mutation { createModel(input: { team: "speech", name: "vad" }) { model { id } } }');
  const { model } = await t.ask<{ model: { id: string } }>('{ model(team: "speech", name: "vad") { id } }');
  const made = await t.send(
    `mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { version { number } errors { message } } }`,
    { input: { model: model.id, format: 'CUSTOM', artifact: { digest: named } } },
  );
  expect(made.data?.createModelVersion).toMatchObject({ version: { number: 1 }, errors: [] });

  let now = Date.now();
  const due: { ms: number; fn: () => void }[] = [];
  const clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms: number, fn: () => void) => {
      due.push({ ms, fn });
      return () => {};
    },
  };
  const hourPasses = async (): Promise<void> => {
    const next = due.shift();
    expect(next?.ms).toBe(HOUR);
    next?.fn();
    await eventually(() => expect(due).toHaveLength(1));
  };
  const stop = startSweeping({ ...t.services, clock });

  now += 23 * HOUR;
  await hourPasses();
  expect(await t.services.artifacts.head(nameless)).toMatchObject({ complete: true });

  now += 2 * HOUR;
  await hourPasses();
  expect(await t.services.artifacts.head(nameless)).toBeNull();
  expect(await t.services.artifacts.head(named)).toMatchObject({ complete: true });
  stop();
});
