/** The whole way on a real platform, as a person goes it: push, deploy, ask, canary, watch, promote, abort, roll back, delete. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aPlatform, type Platform } from '../support/platform.ts';
import { clops, type Ran, start } from './terminal.ts';

const MODELS = join(import.meta.dirname, '..', 'modelserver', 'models');

let platform: Platform;
let env: NodeJS.ProcessEnv;
const cli = (...args: string[]): Promise<Ran> => clops(args, { env });

beforeAll(async () => {
  platform = await aPlatform();
  env = { CLOPS_URL: platform.api, CLOPS_TOKEN: platform.token, XDG_CONFIG_HOME: platform.dataDir };
  await platform.ask('mutation { createTeam(input: { name: "numbers" }) { errors { message } } }');
}, 90_000);
afterAll(() => platform.close());

test('from a file to an endpoint that answers', async () => {
  for (const file of ['identity_fp32.onnx', 'identity_fp64.onnx', 'identity_fp16.onnx'])
    expect((await cli('models', 'push', join(MODELS, file), '--name', 'same')).exit).toBe(0);
  const deployed = await cli('deploy', 'same@1', '--replicas', '1', '--wait', '--timeout', '60s');
  expect(deployed).toMatchObject({ exit: 0, out: 'numbers/same is healthy\n' });
  expect(deployed.err).not.toContain('connection lost');
  const { exit, out, err } = await cli('predict', 'same');
  expect(exit, err).toBe(0);
  expect(out).toMatch(/numbers\/same answered with same@1 in \d+ ms/);
  expect(err).toMatch(/No input was given for .*FP32.*: asking with zeros/);
  expect((await cli('status', 'same', '--timeout', '5s')).exit).toBe(0);
  expect(await cli('logs', 'same')).toMatchObject({ exit: 0, out: /^\[same-\S+\] .*the model is ready/m });
}, 90_000);

test('a canary, watched in a pipe and on a terminal, and promoted', async () => {
  const idle = await cli('rollouts', 'watch', 'same');
  expect(idle).toMatchObject({ exit: 0, out: /^numbers\/same: same@1 .*✔ Healthy/, err: /Nothing is rolling out\.\n/ });
  const shown = start(['rollouts', 'watch', 'same'], { env, columns: 80 });
  expect((await cli('deploy', 'same@2', '--canary', '50,pause')).out).toContain('same@1 → same@2');
  const piped = start(['rollouts', 'watch', 'same'], { env });
  await eventually(() => expect(piped.out()).toMatch(/rollout\.paused/), { withinMs: 60_000 });
  expect(piped.out().split('\n').slice(1, -1)).toSatisfy((lines: string[]) =>
    lines.every((line) => /^\d\d:\d\d:\d\d [a-z]+\.[a-z_]+ /.test(line)),
  );

  const picture = await cli('rollouts', 'get', 'same');
  expect(picture.out).toMatch(/Status: +‖ Paused/);
  expect(picture.out).toMatch(/SetWeight: +50/);
  expect(picture.out).toMatch(/✔ 50 % {2}▸ pause/);
  expect(picture.out).toMatch(/├──# revision:2 +Revision +✔ Healthy/);
  expect(picture.out).toMatch(/You can: +clops .*promote/);
  await eventually(() => expect(shown.out()).toMatch(/canary +same@2 +50 %/));

  // Nobody waits for ever for a person; and a verb is answered with what became of it.
  const waits = await cli('status', 'same', '--timeout', '60s');
  expect(waits).toMatchObject({ exit: 8, out: 'numbers/same waits for somebody to promote it, at step 2 of 2\n' });
  expect(waits.err).toContain('clops promote numbers/same');
  const held = await cli('pause', 'same');
  expect(held).toMatchObject({ exit: 0, out: /^paused .*Held on request \(spec\.paused\), step 2 of 2/ });
  expect(await cli('promote', 'same')).toMatchObject({
    exit: 5,
    err: /it is paused\.\n {2}try: clops resume numbers\/same\n {2}try: clops abort/,
  });
  expect(await cli('resume', 'same')).toMatchObject({ exit: 0, out: /^resumed .*until somebody promotes it/ });
  const promoted = await cli('promote', 'same', '--reason', 'looks well');
  expect(promoted.exit, promoted.err).toBe(0);
  expect(promoted.out).not.toContain('Paused');
  const settled = await cli('status', 'same', '--timeout', '60s');
  expect(settled.exit, settled.err).toBe(0);
  await eventually(() => expect(shown.out()).toMatch(/promoted, \d+s ago/));
  expect(await piped.done).toMatchObject({ exit: 0, out: /same@1 → same@2 .*✔ Healthy[^\n]*\n$/ });
  expect(piped.out()).not.toContain('condition_changed');
  shown.interrupt();
  expect(await shown.done).toMatchObject({ exit: 130, err: /\nDetached/ });
  expect((await cli('rollouts', 'list', 'same', '-o', 'json')).out).toMatch(/"outcome": "PROMOTED"/);
}, 120_000);

test('an aborted one: 7 for who waits, 7 for who watched it, and a way back', async () => {
  await cli('deploy', 'same@3', '--canary', '50,pause');
  const { out } = await cli('rollouts', 'list', 'same', '-o', 'name');
  const watching = start(['rollouts', 'watch', out.split('\n')[0] ?? ''], { env });
  await eventually(() => expect(watching.out()).toMatch(/rollout\.paused/), { withinMs: 60_000 });
  const waiting = start(['status', 'same', '--timeout', '60s'], { env });
  expect((await waiting.done).exit).toBe(8);
  const aborted = await cli('abort', 'same', '--reason', 'too slow', '--wait', '--timeout', '60s');
  expect(aborted).toMatchObject({ exit: 7, out: /stays as it was\. Aborted by .*: too slow\./ });
  expect((await watching.done).exit).toBe(7);
  expect((await cli('deploy', 'same@3', '--canary', '50,pause')).out).toMatch(/same@2 → same@3 {2}begins again/);
  await eventually(async () => expect((await cli('rollouts', 'get', 'same')).out).toMatch(/Paused/), {
    withinMs: 60_000,
  });
  expect((await cli('abort', 'same', '--wait', '--timeout', '60s')).exit).toBe(7);
  expect((await cli('rollback', 'same')).exit).toBe(0);
  const settled = await cli('status', 'same', '--timeout', '60s');
  expect(settled.exit, settled.err).toBe(0);
  // A return comes from the canary that it ends.
  await cli('deploy', 'same@3', '--canary', '50,pause');
  await eventually(async () => expect((await cli('rollouts', 'get', 'same')).out).toMatch(/Paused/), {
    withinMs: 60_000,
  });
  expect((await cli('deployments')).out).toMatch(/same@2 +same@3 50 % +2\/2/);
  expect((await cli('rollback', 'same')).out).toMatch(/same@3 → same@2 /);
  expect((await cli('status', 'same', '--timeout', '60s')).exit).toBe(0);
  expect((await cli('predict', 'same')).exit).toBe(0);
}, 120_000);

test('nodes, doctor, and the end', async () => {
  expect((await cli('nodes')).out).toMatch(/gpu-1 +✔ Ready +NVIDIA-H200/);
  const doctor = await cli('doctor');
  expect(doctor).toMatchObject({ exit: 0, out: /✔ +nodes +2 of 2 ready\n/ });
  expect(doctor.out).toMatch(/✔ +gateway +answers at http:\/\/127\.0\.0\.1:\d+\n/);
  // kubectl is asked of the instance of this folder only.
  const bin = join(platform.dataDir, 'bin');
  mkdirSync(bin, { recursive: true });
  const said = { clientVersion: { gitVersion: 'v1.29.3' }, serverVersion: { gitVersion: 'v1.33.0' } };
  writeFileSync(join(bin, 'kubectl'), `#!/bin/sh\necho '${JSON.stringify(said)}'\n`, { mode: 0o755 });
  const path = process.env['PATH'];
  process.env['PATH'] = `${bin}:${path}`;
  try {
    const here = { ...env, CLOPS_HTTP_PORT: new URL(platform.api).port };
    const local = await clops(['doctor'], { env: here });
    expect(local.out).toMatch(/✔ +kubectl +v1\.29\.3, the cluster v1\.33\.0: it warns of the difference/);
  } finally {
    process.env['PATH'] = path;
  }
  const deleted = await cli('deployments', 'delete', 'same', '--yes', '--wait');
  expect(deleted).toMatchObject({ exit: 0, out: 'numbers/same is gone\n' });
  expect(deleted.err.match(/is (to be|being) deleted|is gone/g)).toEqual(['is being deleted']);
  expect((await cli('status', 'same')).exit).toBe(4);
}, 60_000);
