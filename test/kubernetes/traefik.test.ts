/**
 * A canary behind somebody else's gateway: real pods on a real node, Traefik between, and the shares that the controller
 * reads from Traefik's own counters held against who really answered.
 */
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelDeployment, ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import { GATEWAY_METRICS_ANNOTATION } from '../../src/contract/names.ts';
import { install } from '../../src/controller/install.ts';
import { type Controller, startController } from '../../src/controller/run.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { ClusterPort, KubeObject } from '../../src/platform/cluster/port.ts';
import { GATEWAYS, MODELDEPLOYMENTS, ROLLOUTCOMMANDS } from '../../src/platform/cluster/resources.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';
import { aModelDeployment } from '../controller/lab.ts';
import { eventually } from '../support/eventually.ts';
import { answeringRuntime } from './answering.ts';
import { referenceOf } from './build/image.ts';
import { type Kubernetes, missingFor, startKubernetes } from './cluster.ts';

const OPTIONS = { nodes: 1, traefik: true };
const missing = missingFor(OPTIONS);
if (missing) console.warn(`Skipped: ${missing}`);

const NAMESPACE = 'speech';
const SYSTEM = 'clops-system';
const CANARY = {
  canary: { steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }], scaleDownDelaySeconds: 1 },
};

describe.skipIf(missing)('a canary behind Traefik', () => {
  let kubernetes: Kubernetes;
  let cluster: ClusterPort;
  let controller: Controller;
  beforeAll(async () => {
    kubernetes = await startKubernetes(OPTIONS);
    cluster = kubernetes.port();
    await install(cluster, { gateway: false });
    await apply(...surroundings(kubernetes));
    controller = startController({ cluster, traffic: createTrafficCounts(), log: silentLog, identity: 'test' });
  });
  afterAll(async () => {
    await controller?.close();
    await kubernetes?.stop();
  });

  const apply = (...items: object[]): Promise<string> =>
    kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  const deploy = (version: number): Promise<KubeObject> =>
    cluster.apply(
      MODELDEPLOYMENTS,
      aModelDeployment(version, { runtime: 'answering', replicas: 2, strategy: CANARY }),
      { fieldManager: 'test', force: true },
    );
  async function until(check: (status: ModelDeploymentStatus) => void, withinMs = 60_000): Promise<void> {
    let last: ModelDeploymentStatus = {};
    const look = async (): Promise<void> => {
      last = (await cluster.get<ModelDeployment>(MODELDEPLOYMENTS, 'vad', NAMESPACE)).status ?? {};
      check(last);
    };
    await eventually(look, { withinMs, everyMs: 200 }).catch((error: unknown) => {
      throw new Error(`${String(error)}\nlast status: ${JSON.stringify(last, null, 1)}`);
    });
  }
  const pausedAt = (weight: number) => (status: ModelDeploymentStatus) =>
    expect(status).toMatchObject({ phase: 'Paused', canary: { weight } });
  let commands = 0;
  async function promote(): Promise<void> {
    const { status } = await cluster.get<ModelDeployment>(MODELDEPLOYMENTS, 'vad', NAMESPACE);
    await cluster.create(ROLLOUTCOMMANDS, {
      apiVersion: 'serving.clops.dev/v1alpha1',
      kind: 'RolloutCommand',
      metadata: { name: `op-${commands++}`, namespace: NAMESPACE },
      spec: { deployment: 'vad', rollout: status?.rollout?.number ?? 0, verb: 'Promote' },
    });
  }
  /** The version that answered, or what came in place of an answer. */
  async function ask(): Promise<string> {
    const { statusCode, body } = await request(`${kubernetes.gateway}/speech/vad/v2/models/vad/infer`, {
      method: 'POST',
    });
    const text = await body.text();
    return statusCode === 200 ? String((JSON.parse(text) as { versions: string[] }).versions[0]) : `HTTP ${statusCode}`;
  }
  async function answers(count: number): Promise<Record<string, number>> {
    const counted: Record<string, number> = {};
    for (let turn = 0; turn < count; turn++) {
      const who = await ask();
      counted[who] = (counted[who] ?? 0) + 1;
    }
    return counted;
  }
  /** What Traefik says of each backend since its start, by our adapter. */
  async function counted(): Promise<{ stable: number; canary: number }> {
    const gateway = await cluster.get(GATEWAYS, 'clops', SYSTEM);
    const counts = await createTrafficCounts().sample(gateway, 'traefik.io/gateway-controller');
    const of = (role: string): number => {
      const codes = counts?.of(NAMESPACE, 'vad', `vad-${role}`)?.byCode ?? {};
      return Object.values(codes).reduce((sum, value) => sum + value, 0);
    };
    return { stable: of('stable'), canary: of('canary') };
  }

  it('serves the first version', async () => {
    await deploy(1);
    await until((status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 1 } }), 120_000);
    await eventually(async () => expect(await answers(10)).toEqual({ 1: 10 }), { withinMs: 20_000 });
    expect((await counted()).stable).toBeGreaterThanOrEqual(10);
    const { status } = await cluster.get<ModelDeployment>(MODELDEPLOYMENTS, 'vad', NAMESPACE);
    expect(status?.url).toBe(`${kubernetes.gateway}/speech/vad`);
  });

  it.each([10, 50])(
    'at a weight of %i counts what really went to the canary, and says that it is in force',
    async (weight) => {
      if (weight === 10) await deploy(2);
      else await promote();
      await until(pausedAt(weight));
      // Traefik takes new weights a moment after it has accepted the route.
      await eventually(async () => expect(await answers(20)).toEqual({ 1: 20 - weight / 5, 2: weight / 5 }), {
        withinMs: 20_000,
      });
      const before = await counted();
      const really = await answers(300);
      const after = await counted();
      expect({ stable: after.stable - before.stable, canary: after.canary - before.canary }).toEqual({
        stable: really['1'],
        canary: really['2'],
      });
      expect(really['2']).toBe(3 * weight);
      const load = new AbortController();
      const loading = (async () => {
        while (!load.signal.aborted) await ask();
      })();
      await until((status) => {
        const verified = status.conditions?.find(({ type }) => type === 'TrafficVerified');
        expect(verified).toMatchObject({ status: 'True', reason: 'ShareWithinInterval' });
        expect(verified?.message).toContain(`${weight} % are intended`);
      });
      load.abort();
      await loading;
    },
  );

  it('loses no request while the canary becomes stable', async () => {
    const load = new AbortController();
    const seen: Record<string, number> = {};
    const loading = (async () => {
      while (!load.signal.aborted) {
        const who = await ask();
        seen[who] = (seen[who] ?? 0) + 1;
      }
    })();
    await promote();
    await until((status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 2 } }));
    await eventually(async () => expect(Object.keys(await answers(10))).toEqual(['2']), { withinMs: 20_000 });
    load.abort();
    await loading;
    expect(Object.keys(seen).filter((who) => !['1', '2'].includes(who))).toEqual([]);
  });
});

/** Namespaces, a Gateway of Traefik's class, and a runtime whose server answers everything with what it is. */
function surroundings({ gateway = '', gatewayMetrics = '' }: Kubernetes): object[] {
  const image = referenceOf('web');
  const answer = JSON.stringify({ name: '{{model.name}}', versions: ['{{model.version}}'] });
  const listener = { name: 'http', port: Number(new URL(gateway).port), protocol: 'HTTP' };
  return [
    ...[NAMESPACE, SYSTEM].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'clops', namespace: SYSTEM, annotations: { [GATEWAY_METRICS_ANNOTATION]: gatewayMetrics } },
      spec: {
        gatewayClassName: 'traefik',
        listeners: [{ ...listener, allowedRoutes: { namespaces: { from: 'All' } } }],
      },
    },
    answeringRuntime('answering', image, [{ name: 'NAME', value: answer }]),
  ];
}
