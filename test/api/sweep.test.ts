/** Which bytes go by themselves: those that no version names, and only when an upload can no longer be waiting for its version. */
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Services } from '../../src/graphql/context.ts';
import { createLog } from '../../src/lib/log.ts';
import { startSweeping } from '../../src/modules/registry/index.ts';
import { createFileArtifacts } from '../../src/platform/artifacts/files.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

const HOUR = 3_600_000;
let t: TestApi;
beforeAll(async () => {
  t = await anApi();
  await t.ask('mutation { createTeam(input: { name: "speech" }) { team { id } } }');
});
afterAll(() => t.close());

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const put = async (text: string): Promise<string> => {
  const digest = digestOf(text);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { status } = await fetch(`${t.api.url}/artifacts/${digest}`, { method: 'PUT', body: text, headers });
  expect(status).toBe(201);
  return digest;
};

const aModel = async (name: string): Promise<string> => {
  const { createModel } = await t.ask<{ createModel: { model: { id: string } } }>(
    `mutation { createModel(input: { team: "speech", name: "${name}" }) { model { id } } }`,
  );
  return createModel.model.id;
};

const register = (model: string, digest: string) =>
  t.send(
    `mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { version { number } errors { message } } }`,
    { input: { model, format: 'CUSTOM', artifact: { digest } } },
  );

/** The sweep on a clock that the test moves. */
function sweeping(services: Services) {
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
  const stop = startSweeping({ ...services, clock });
  return {
    hourPasses,
    stop,
    passTime(ms: number) {
      now += ms;
    },
  };
}

test('after a day what no version names is removed, every hour, until the end', async () => {
  const [named, nameless] = [await put('named'), await put('nameless')];
  const model = await aModel('vad');
  const made = await register(model, named);
  expect(made.data?.createModelVersion).toMatchObject({ version: { number: 1 }, errors: [] });

  const { hourPasses, passTime, stop } = sweeping(t.services);

  passTime(23 * HOUR);
  await hourPasses();
  expect(await t.services.artifacts.head(nameless)).toMatchObject({ complete: true });

  passTime(2 * HOUR);
  await hourPasses();
  expect(await t.services.artifacts.head(nameless)).toBeNull();
  expect(await t.services.artifacts.head(named)).toMatchObject({ complete: true });
  stop();
});

test('bytes of a version that is registered while the sweep runs stay, whichever way they were found', async () => {
  const model = await aModel('late');
  const digests = await Promise.all(['one', 'two', 'three'].map(put));
  const { artifacts } = t.services;
  let registered = '';
  // The first deletion takes long enough for somebody to register a version of bytes that were found to be nameless.
  const slow: Services['artifacts'] = {
    ...artifacts,
    async removeUnused(held, since) {
      if (registered === '') {
        registered = digests.find((other) => other !== held.digest) ?? '';
        await register(model, registered);
      }
      return artifacts.removeUnused(held, since);
    },
  };
  const { hourPasses, passTime, stop } = sweeping({ ...t.services, artifacts: slow });
  passTime(25 * HOUR);
  await hourPasses();
  stop();
  expect(registered).not.toBe('');
  for (const digest of digests)
    expect((await artifacts.head(digest))?.complete ?? false, digest).toBe(digest === registered);
});

test('what cannot be removed is named and counted, and the others go', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'clops-sweep-'));
  const artifacts = createFileArtifacts({ dir, maxBytes: 1024 });
  const loose = digestOf('loose');
  await artifacts.put(loose, Readable.from([Buffer.from('loose')]), { offset: 0, total: 5 });
  // Folders where files belong: these are not removed. Before and behind the other, in whichever order a disk lists.
  const stuck = ['0', 'f'].map((digit) => digit.repeat(64));
  for (const hex of stuck) mkdirSync(join(dir, 'sha256', hex.slice(0, 2), hex), { recursive: true });
  mkdirSync(join(dir, 'uploads', '1'.repeat(64)));
  const lines = new PassThrough();
  const log = createLog({ role: 'test', level: 'info', destination: lines });
  const { hourPasses, passTime, stop } = sweeping({ ...t.services, artifacts, log });
  passTime(25 * HOUR);
  await hourPasses();
  stop();
  expect(await artifacts.head(loose)).toBeNull();
  const said = String(lines.read())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { digest?: string; err?: { message: string } });
  expect(said.pop()).toMatchObject({ removed: 1, failed: 3 });
  expect(said.map(({ digest }) => digest).sort()).toEqual(['0', '1', 'f'].map((digit) => `sha256:${digit.repeat(64)}`));
  for (const { err } of said) expect(err?.message).toContain('is a directory');
  rmSync(dir, { recursive: true });
});

test('bytes that are put again, or named by a version, count as new', async () => {
  const { artifacts } = t.services;
  const [again, named] = [await put('again'), await put('named later')];
  const since = async (digest: string): Promise<number> => {
    for await (const found of artifacts.list()) if (found.digest === digest) return found.usedAt.getTime();
    return Number.NaN;
  };
  const before = await since(named);
  const model = await aModel('renewed');
  await eventually(() => expect(Date.now()).toBeGreaterThan(before + 2));
  const cut = Date.now();
  await eventually(() => expect(Date.now()).toBeGreaterThan(cut));
  await put('again');
  await register(model, named);
  const remove = (digest: string) => artifacts.removeUnused({ digest, complete: true }, cut);
  expect([await remove(again), await remove(named)]).toEqual([false, false]);
});

test('an upload that was given up is removed after a day, and a later one stays', async () => {
  const { artifacts } = t.services;
  const digest = digestOf('never whole');
  await artifacts.put(digest, Readable.from([Buffer.from('never')]), { offset: 0, total: 11 });
  const { hourPasses, passTime, stop } = sweeping(t.services);
  passTime(23 * HOUR);
  await hourPasses();
  expect(await artifacts.head(digest)).toMatchObject({ complete: false, receivedBytes: 5 });
  passTime(2 * HOUR);
  await hourPasses();
  expect(await artifacts.head(digest)).toBeNull();
  stop();
});
