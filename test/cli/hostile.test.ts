/** Whatever the API says, a terminal shows it and carries nothing out: every command that people read, with a hostile text in every field. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { somePodLogs } from '../support/podLogs.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';
import { aHostile, HOSTILE } from './hostile.ts';
import { clops, start } from './terminal.ts';

const home = mkdtempSync(join(tmpdir(), 'clops-test-hostile-'));
const pods = somePodLogs();

let lab: ServingLab;
let proxy: Awaited<ReturnType<typeof aHostile>>;
let env: NodeJS.ProcessEnv;
let rollout: string;

beforeAll(async () => {
  lab = await aServingLab({ podLog: pods.log });
  await lab.register('vad', 2);
  await lab.deploy({ name: 'vad', version: { number: 1 } });
  await lab.untilPhase('vad', 'HEALTHY');
  const { deployment } = await lab.ask<{
    deployment: { rollout: { id: string }; currentReplicas: { name: string }[] };
  }>('{ deployment(team: "speech", name: "vad") { rollout { id } currentReplicas { name } } }');
  rollout = deployment.rollout.id;
  for (const { name } of deployment.currentReplicas) {
    pods.say(name, `plain ${HOSTILE.replaceAll('\n', '')}`);
    pods.say(name, JSON.stringify({ level: HOSTILE, msg: HOSTILE, [HOSTILE]: HOSTILE, 'a b': [HOSTILE] }));
  }
  proxy = await aHostile(lab.api.url);
  env = { CLOPS_URL: proxy.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
}, 60_000);
afterAll(async () => {
  await proxy?.close();
  await lab?.close();
  rmSync(home, { recursive: true, force: true });
});

/** What a terminal would carry out, and a line that is nobody's. */
const isHarmless = (text: string): void => {
  expect(text).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
  expect(text).not.toMatch(/^forged line/m);
};

test.each([
  'teams',
  'models',
  'models get vad',
  'models get vad@1',
  'models get vad@9',
  'deployments',
  'deployments get vad',
  'rollouts',
  'rollouts get vad',
  'rollouts watch vad',
  'events',
  'events --all',
  'status vad',
  'logs vad',
  'deploy vad@1',
  'promote vad',
  'doctor',
  'login',
])('%s', async (command) => {
  const words = command === 'login' ? ['login', proxy.url] : command.split(' ');
  const { out, err } = await clops(words, { env, input: TOKEN });
  expect(out + err).toContain('spoof');
  isHarmless(out + err);
});

test('the story of a rollout', async () => {
  const { out } = await clops(['rollouts', 'get', rollout], { env });
  expect(out).toContain('spoof');
  isHarmless(out);
});

test.each([
  ['events', '--follow'],
  ['logs', 'vad', '--follow'],
])('%s %s', async (...words) => {
  const following = start(words, { env });
  await eventually(() => expect(following.out()).toContain('spoof'));
  following.interrupt();
  const { out, err } = await following.done;
  isHarmless(out + err);
});

test('as JSON, and raw, everything is as it was sent', async () => {
  const [{ name }] = JSON.parse((await clops(['teams', '-o', 'json'], { env })).out);
  expect(name).toBe(`speech${HOSTILE}`);
  expect((await clops(['logs', 'vad', '--raw', '--tail', '2'], { env })).out).toContain('\u001b[2J');
});

test('a pause that waits, and what it waits for', async () => {
  await lab.deploy({ name: 'vad', version: { number: 2 } });
  await lab.untilRollout('vad', 'PAUSED', 1);
  for (const words of [['rollouts', 'get', 'vad'], ['status', 'vad'], ['deployments']]) {
    const { out, err } = await clops(words, { env });
    expect(out + err).toContain('spoof');
    isHarmless(out + err);
  }
}, 60_000);
