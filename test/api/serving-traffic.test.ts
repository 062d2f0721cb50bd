/** Real requests through the real gateway: what a canary receives is what the graph says it receives. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab({ gateway: 'real' });
  await lab.register('vad', 2);
});
afterAll(() => lab.close());

interface Metrics {
  stale: boolean;
  total: { samples: number | null; requestRate: number | null; errorRatio: number | null; latencyP95Ms: number | null };
  targets: {
    target: { role: string; weight: number; version: { number: number } };
    values: { samples: number | null };
  }[];
}

test('shares and rates are counted while requests are sent', async () => {
  await lab.deploy({ name: 'asked', version: { number: 1 } });
  const { id } = await lab.untilPhase('asked', 'HEALTHY');
  await lab.deploy({ name: 'asked', version: { number: 2 } });
  await lab.untilRollout('asked', 'PAUSED', 1);
  const { deployment } = await lab.ask<{ deployment: { endpoint: { url: string; protocol: string } } }>(
    '{ deployment(team: "speech", name: "asked") { endpoint { url protocol } } }',
  );
  expect(deployment.endpoint.protocol).toBe('OPEN_INFERENCE_V2');

  const client = lab.socket();
  const stream = client.iterate<{ liveMetrics: Metrics }>({
    query: `subscription { liveMetrics(deployment: "${id}", windowSeconds: 30) { stale total { samples requestRate errorRatio latencyP95Ms }
      targets { target { role weight version { number } } values { samples } } } }`,
  });
  let seen: Metrics | undefined;
  for await (const { data } of stream) {
    seen = data?.liveMetrics;
    if ((seen?.total.samples ?? 0) >= 100) break;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => fetch(`${deployment.endpoint.url}/v2/models/asked`)),
    );
    await Promise.all(answers.map((answer) => answer.text()));
  }
  await client.dispose();
  expect(seen).toMatchObject({
    stale: false,
    targets: [
      { target: { role: 'STABLE', weight: 90, version: { number: 1 } } },
      { target: { role: 'CANARY', weight: 10, version: { number: 2 } } },
    ],
  });
  expect(seen?.total.requestRate).toBeGreaterThan(0);
  expect(seen?.total.latencyP95Ms).toBeGreaterThan(0);
  const [stable = 0, canary = 0] = seen?.targets.map(({ values }) => values.samples ?? 0) ?? [];
  expect(stable + canary).toBe(seen?.total.samples);
  expect(canary / (stable + canary)).toBeCloseTo(0.1, 1);

  await eventually(async () => {
    const { deployment: found } = await lab.ask<{
      deployment: {
        traffic: { observedShare: number; observedRequests: number }[];
        rollout: { observedShare: number };
      };
    }>(
      '{ deployment(team: "speech", name: "asked") { traffic { observedShare observedRequests } rollout { observedShare } } }',
    );
    expect(found.rollout.observedShare).toBeCloseTo(0.1, 1);
    expect(found.traffic.reduce((sum, { observedShare }) => sum + observedShare, 0)).toBeCloseTo(1);
    expect(found.traffic.reduce((sum, { observedRequests }) => sum + observedRequests, 0)).toBeGreaterThanOrEqual(100);
  });
});
