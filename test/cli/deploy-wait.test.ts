/** `deploy --wait` waits for what it has asked for, and not for what was there before; what is said of what cannot be seen. */
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

test('counts that cannot be read are one line, and none where they are not shown', async () => {
  const env = { CLOPS_URL: lab.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  lab.requests.value = 'unread';
  const said = "! The counted share (COUNTED) is left out: The gateway's metrics could not be read: HTTP 500.\n";
  await eventually(async () => expect((await clops(['deployments', 'get', 'over'], { env })).err).toBe(said));
  const list = await clops(['deployments'], { env });
  lab.requests.value = 'fair';
  expect(list.out).toContain('over');
  expect(list.err).toBe('');
}, 60_000);
