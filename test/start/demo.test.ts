/** `npm start` as people meet it first: a real model behind a canary with traffic, promoted, stopped, started again. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../src/demo/api.ts';
import { canaryNow } from '../../src/demo/prepare.ts';
import { identityOf } from '../../src/platform/process/identity.ts';
import { eventually } from '../support/eventually.ts';
import { aPlatform, type Platform } from '../support/platform.ts';

let p: Platform;
beforeAll(async () => {
  p = await aPlatform({ CLOPS_DEMO: 'on' });
}, 90_000);
afterAll(() => p.close());

test('serves, divides, is promoted, leaves no process behind, and goes on at the next start', {
  timeout: 120_000,
}, async () => {
  expect(p.said()).toMatch(/✓ demo answers/);
  expect(await runTheCurlLine()).toBeGreaterThan(0.5);
  await eventually(
    async () => {
      const { rollout, traffic } = await deployment();
      expect(rollout).toMatchObject({ phase: 'PAUSED', stepIndex: 1, weight: 10 });
      const [stable, canary] = traffic;
      expect(stable).toMatchObject({ role: 'STABLE', weight: 90, version: { number: 1 }, readyReplicas: 4 });
      expect(canary).toMatchObject({ role: 'CANARY', weight: 10, version: { number: 2 }, readyReplicas: 1 });
      expect(canary?.observedRequests).toBeGreaterThanOrEqual(5);
      expect(Math.abs((rollout.observedShare ?? 0) - 0.1)).toBeLessThan(0.05);
    },
    { withinMs: 30_000 },
  );

  const { rollout } = await deployment();
  const followed = followTheExample();
  await promote(rollout.id);
  await reaches({ phase: 'PAUSED', stepIndex: 3, weight: 50 });
  await promote(rollout.id);
  await reaches({ phase: 'HEALTHY', outcome: 'PROMOTED' });
  expect((await deployment()).metrics.total.errorRatio).toBe(0);
  const { exit, out, err } = await followed;
  expect({ exit, err }).toEqual({ exit: 0, err: '' });
  const lines = out.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^\w+ (10|50) %: \S/);
  expect(lines.at(-1)).toMatch(/^HEALTHY 100 %: /);

  const processes = descendantsOf(p.process.pid ?? 0);
  expect(processes.length).toBeGreaterThan(6); // Postgres, the cluster, the node, four model servers.
  const ended = new Promise((resolve) => p.process.once('close', resolve));
  p.process.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(processes.filter(({ pid, identity }) => identityOf(pid) === identity)).toEqual([]);

  await p.killAndStart();
  expect(p.said()).toMatch(/✓ demo answers/);
  expect(await runTheCurlLine()).toBeGreaterThan(0.5);
  expect(await deployment()).toMatchObject({
    version: { number: 2 },
    rollouts: { totalCount: 2 },
    rollout: { id: rollout.id },
  });

  const api = createApi({ url: p.api, token: p.token, signal: AbortSignal.timeout(60_000) });
  expect(await canaryNow(api)).toBe('ended');
  const back = { team: 'speech', name: 'vad', model: 'vad', version: { number: 1 } };
  await p.ask('mutation ($input: DeployModelInput!) { deployModel(input: $input) { errors { message } } }', {
    input: back,
  });
  await eventually(async () => expect(await canaryNow(api)).toBe('returned'), { withinMs: 30_000 });
});

const reaches = (expected: object): Promise<void> =>
  eventually(async () => expect((await deployment()).rollout).toMatchObject(expected), { withinMs: 30_000 });

/** As the table shows it, in a shell. Answers the probability. */
async function runTheCurlLine(): Promise<number> {
  const [command = ''] = /curl \S+\/infer \\\n.*/.exec(p.said()) ?? [];
  const { stdout } = spawnSync('sh', ['-c', `${command} --silent`], { encoding: 'utf8' });
  const answer = JSON.parse(stdout) as { outputs: { name: string; data: number[] }[] };
  expect(answer.outputs).toMatchObject([{ name: 'output', data: [expect.any(Number)] }]);
  return answer.outputs[0]?.data[0] ?? 0;
}

/** The README's subscription, until the rollout has ended. */
async function followTheExample(): Promise<{ exit: number | null; out: string; err: string }> {
  const example = join(import.meta.dirname, '..', '..', 'examples', 'subscribe.mjs');
  const env = { ...process.env, CLOPS_DATA_DIR: p.dataDir };
  const child = spawn(process.execPath, [example], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { exit: await ended, out, err };
}

interface Found {
  rollout: { id: string; observedShare: number | null };
  traffic: { observedRequests: number | null }[];
  metrics: { total: { errorRatio: number | null } };
}

async function deployment(): Promise<Found> {
  const { deployment: found } = await p.ask<{ deployment: Found }>(`{
    deployment(team: "speech", name: "vad") {
      version { number }
      rollouts(first: 1) { totalCount }
      rollout { id phase outcome stepIndex weight observedShare }
      traffic { role weight readyReplicas observedRequests version { number } }
      metrics(windowSeconds: 60) { total { errorRatio } }
    }
  }`);
  return found;
}

async function promote(rollout: string): Promise<void> {
  const { promoteRollout } = await p.ask<{ promoteRollout: { errors: unknown[] } }>(
    'mutation ($rollout: ID!) { promoteRollout(input: { rollout: $rollout }) { errors { message } } }',
    { rollout },
  );
  expect(promoteRollout.errors).toEqual([]);
}

function descendantsOf(pid: number): { pid: number; identity: string | null }[] {
  const rows = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const below = (parent: number): number[] =>
    rows.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child, ...below(child)]);
  return below(pid).map((child) => ({ pid: child, identity: identityOf(child) }));
}
