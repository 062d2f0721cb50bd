/** What a deploy says that it has done, and waits for with `--wait`; what is told of rollouts afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';
import { clops, start } from './terminal.ts';

let lab: ServingLab;
let home: string;

beforeAll(async () => {
  lab = await aServingLab();
  home = await mkdtemp(join(tmpdir(), 'clops-wait-'));
  await lab.register('vad', 3);
}, 60_000);
afterAll(async () => {
  await lab.close();
  await rm(home, { recursive: true });
});

test('after an abort, with the controller away for a while', async () => {
  await lab.deploy({ name: 'vad', version: { number: 1 } });
  await lab.untilPhase('vad', 'HEALTHY');
  const { rollout } = await lab.deploy({ name: 'vad', version: { number: 2 } });
  await lab.untilRollout('vad', 'PAUSED', 1);
  await lab.drive('abortRollout', rollout?.id ?? '');
  await eventually(async () => expect((await lab.deployment('vad')).rollout.outcome).toBe('ABORTED'));
  await lab.stopController();

  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  const waiting = start(['deploy', 'vad@2', '--canary', '10,pause,50,pause', '--wait', '--timeout', '60s'], { env });
  await eventually(() => expect(waiting.err()).toContain('speech/vad: waits for the controller …'));
  lab.startController();
  const { exit, err } = await waiting.done;
  expect(err).not.toContain('stays as it was');
  expect(exit, err).toBe(8);
}, 90_000);

test('a deploy says which rollout it ends, and that it keeps the steps', async () => {
  await lab.deploy({ name: 'over', version: { number: 1 } });
  await lab.untilPhase('over', 'HEALTHY');
  await lab.deploy({ name: 'over', version: { number: 2 } });
  await lab.untilRollout('over', 'PAUSED', 1);
  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  const over = await clops(['deploy', 'vad@3', '--name', 'over'], { env });
  expect(over.out).toContain('vad@1 → vad@3');
  expect(over.out).toContain('Ends the rollout to version 2.');
  expect(over.err).toContain('Steps as before: 10 %, pause, 50 %, pause.\n');
  const same = await clops(['deploy', 'vad@3', '--name', 'over'], { env });
  expect(same.err).toContain('is as you want it already');
  expect(same.err).not.toContain('Steps as before');
}, 60_000);

test('one that begins no rollout says what it did: other steps, or a number', async () => {
  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  await lab.untilRollout('over', 'PAUSED', 1);
  const { rollout } = await lab.deployment('over');
  const steps = await clops(['deploy', 'vad@3', '--name', 'over', '--canary', '20,pause'], { env });
  expect(steps.out).toMatch(/^speech\/over: vad@1 → vad@3 .*: Its steps were changed: its walk begins again\.\n$/);
  await eventually(async () => {
    const { out } = await clops(['rollouts', 'get', 'over'], { env });
    expect(out).toMatch(/✔ 20 % {2}▸ pause\n/);
  });
  expect((await lab.deployment('over')).rollout.id).toBe(rollout.id);
  const more = await clops(['deploy', 'vad@3', '--name', 'over', '--replicas', '3'], { env });
  expect(more.out).toBe('speech/over: version 3 is on its way already, no other rollout begins. Replicas: 3.\n');

  await lab.drive('promoteRollout', rollout.id, { to: 'FULL' });
  await lab.untilPhase('over', 'HEALTHY');
  const kept = await clops(['deploy', 'vad@3', '--name', 'over', '--canary', '30,pause'], { env });
  expect(kept.out).toMatch(
    /: version 3 is what it serves already, .*\. The strategy is kept for the next rollout\.\n$/,
  );
}, 60_000);

test('steps are not promised to a way back, which skips them', async () => {
  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  const back = await clops(['deploy', 'vad@1', '--name', 'over'], { env });
  expect(back.out).toContain('vad@3 → vad@1');
  expect(back.err).not.toContain('Steps as before');
  await eventually(async () => expect((await lab.deployment('over')).rollout.outcome).toBe('FAST_ROLLED_BACK'));
  await lab.untilPhase('over', 'HEALTHY');
  const forward = await clops(['deploy', 'vad@3', '--name', 'over'], { env });
  expect(forward.err).toContain('Steps as before: 30 %, pause.\n');
  await lab.untilRollout('over', 'PAUSED', 1);
}, 60_000);

test('a rollout that was aborted, tried again and superseded tells its story', async () => {
  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  const { rollout } = await lab.deployment('over');
  expect((await clops(['abort', 'over', '--reason', 'too slow', '--wait'], { env })).exit).toBe(7);
  expect((await clops(['retry', 'over'], { env })).exit).toBe(0);
  await lab.untilRollout('over', 'PAUSED', 1);
  await lab.deploy({ name: 'over', version: { number: 2 } });
  await eventually(async () => {
    const { out } = await clops(['rollouts', 'list', 'over'], { env });
    expect(out).toMatch(new RegExp(`over +5 .* superseded by 6 .*${rollout.id}`));
  });
  const { out } = await clops(['rollouts', 'get', rollout.id], { env });
  expect(out).toMatch(/^Rollout: +5 {2}vad@1 → vad@3$/m);
  expect(out).toMatch(/^Message: +Rollout 6 took its place\.$/m);
  expect(out.match(/(?<=^\S+ rollout\.)(aborted|retried|superseded)/gm)).toEqual(['aborted', 'retried', 'superseded']);
  const told = JSON.parse((await clops(['rollouts', 'get', rollout.id, '-o', 'json'], { env })).out);
  expect(told).toMatchObject({ id: rollout.id, outcome: 'SUPERSEDED' });
  expect(told.events[0]).toMatchObject({ type: 'rollout.requested' });
}, 60_000);

test('a scale is waited for, and what keeps its pods from coming is said', async () => {
  await lab.deploy({ name: 'grown', replicas: 2, version: { number: 1 } });
  await lab.untilPhase('grown', 'HEALTHY');
  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  const scale = (replicas: number) =>
    start(['deploy', 'vad@1', '--name', 'grown', '--replicas', `${replicas}`, '--wait', '--timeout', '60s'], { env });

  lab.fates.set(1, 'pending');
  const scaling = scale(3);
  await eventually(() => expect(scaling.err()).toContain('◌ Progressing: 2 of 3 pods of the serving revision are'));
  lab.fates.set(1, 'ready');
  await lab.touchPods();
  expect(await scaling.done).toMatchObject({ exit: 0, out: 'speech/grown is healthy\n' });

  lab.fates.set(1, 'unschedulable');
  const { exit, out } = await scale(6).done;
  lab.fates.set(1, 'ready');
  const cause = /^.*speech\/grown(?: is degraded\.|:) 3 of 6 pods .* Unschedulable: 0\/\d/m;
  expect({ exit, out }).toEqual({ exit: 7, out: expect.stringMatching(cause) });
  expect((await clops(['deployments'], { env })).out).toMatch(cause);
  expect((await clops(['deployments', 'get', 'grown'], { env })).out).toMatch(/Message: +3 of 6 pods of the serving/);
  await lab.touchPods();
  await lab.untilPhase('grown', 'HEALTHY');
}, 90_000);

test('counts that cannot be read are one line, and none where they are not shown', async () => {
  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  lab.requests.value = 'unread';
  const said = "! The counted share (COUNTED) is left out: The gateway's metrics could not be read: HTTP 500.\n";
  await eventually(async () => expect((await clops(['deployments', 'get', 'over'], { env })).err).toBe(said));
  const lists = await Promise.all(['deployments', 'rollouts'].map((name) => clops([name], { env })));
  lab.requests.value = 'fair';
  for (const { out, err } of lists) {
    expect(out).toContain('over');
    expect(err).not.toContain('COUNTED');
  }
}, 60_000);
