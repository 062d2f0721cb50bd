/**
 * What a cluster does to its controllers, on the local one behind a proxy that answers in its place: each fault ends in a
 * condition that says it, costs few requests however long it lasts, and is over when its cause is. What only a real API
 * server does is in test/kubernetes/refusals.test.ts and faults.test.ts.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ModelDeployment, ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import { install } from '../../src/controller/install.ts';
import { startController } from '../../src/controller/run.ts';
import { silentLog } from '../../src/lib/log.ts';
import { type ApiServer, startApiServer } from '../../src/local/apiserver/index.ts';
import { startControllers } from '../../src/local/controllers/index.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { type ClusterPort, isNotFound, type KubeObject } from '../../src/platform/cluster/port.ts';
import {
  DEPLOYMENTS,
  EVENTS,
  HTTPROUTES,
  MODELDEPLOYMENTS,
  NAMESPACES,
  ROLLOUTCOMMANDS,
  SERVICES,
} from '../../src/platform/cluster/resources.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { aModelDeployment, startGateway, startKubelet, startModels } from './lab.ts';
import { expectMended, spoilChildren } from './spoiled.ts';

const HALF = { canary: { steps: [{ setWeight: 50 }, { pause: {} }], scaleDownDelaySeconds: 0 } };
const ONE = { replicas: 1, strategy: { rolling: {} } };
/** As many as a quiet controller may make of a fault in some seconds, without its lease. */
const FEW = 12;

let server: ApiServer;
let cluster: ClusterPort;
let proxy: FaultProxy;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-faults-'));
  closing.push(() => rm(dataDir, { recursive: true, force: true }));
  server = await startApiServer({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
  closing.push(() => server.close());
  cluster = server.cluster;
  const controllers = startControllers({ cluster, log: silentLog });
  closing.push(() => controllers.close());
  await controllers.synced();
  await install(cluster, { gateway: true });
  await makeNamespace('speech');
  const world = { fates: new Map(), requests: { value: 'fair' as const }, weights: [] };
  const models = await startModels(world.fates);
  closing.push(() => models.close());
  const gateway = await startGateway(cluster, world);
  closing.push(() => gateway.close());
  const kubelet = startKubelet(cluster, world.fates, models.ports);
  closing.push(() => kubelet.close());
  const port = createClientNodeCluster({ kubeconfig: await throughProxy(dataDir), userAgent: 'test/1' });
  const traffic = createTrafficCounts();
  const controller = startController({ cluster: port, traffic, log: silentLog, identity: 'proxied' });
  closing.push(() => port.close());
  closing.push(() => controller.close());
  await eventually(() => expect(controller.isLeading).toBe(true), { withinMs: 20_000 });
});
afterEach(() => {
  proxy.rules.length = 0;
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

async function throughProxy(dataDir: string): Promise<string> {
  const file = parse(await readFile(server.kubeconfigPath, 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const bytes = (text = ''): Buffer => Buffer.from(text, 'base64');
  const [target, user] = [file.clusters[0]?.cluster, file.users[0]?.user];
  const tls = {
    ca: bytes(target?.['certificate-authority-data']),
    cert: bytes(user?.['client-certificate-data']),
    key: bytes(user?.['client-key-data']),
  };
  proxy = await startFaultProxy({ url: server.url, tls });
  closing.push(() => proxy.close());
  const path = join(dataDir, 'proxied.kubeconfig');
  await writeFile(
    path,
    stringify({
      ...file,
      clusters: [{ ...file.clusters[0], cluster: { server: proxy.url, 'insecure-skip-tls-verify': true } }],
    }),
  );
  return path;
}

const makeNamespace = (name: string): Promise<KubeObject> =>
  cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
async function deploy(name: string, version: number, given: object, namespace = 'speech'): Promise<void> {
  const object = { ...aModelDeployment(version, given), metadata: { name, namespace } };
  await cluster.apply(MODELDEPLOYMENTS, object, { fieldManager: 'test', force: true });
}
const statusOf = async (name: string, namespace = 'speech'): Promise<ModelDeploymentStatus> =>
  (await cluster.get<ModelDeployment>(MODELDEPLOYMENTS, name, namespace)).status ?? {};
const condition = async (name: string, type: string) =>
  (await statusOf(name)).conditions?.find((one) => one.type === type);
const becomes = (name: string, wanted: object, withinMs = 20_000): Promise<void> =>
  eventually(async () => expect(await statusOf(name)).toMatchObject(wanted), { withinMs });
const healthy = (version: number): object => ({ phase: 'Healthy', stable: { version } });

/** What is asked in some seconds from now on: few, and none of them a list. */
async function isQuiet(): Promise<void> {
  const from = proxy.seen.length;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const asked = proxy.seen.slice(from).filter(({ url }) => !url.includes('/leases'));
  expect(asked.length, JSON.stringify(asked)).toBeLessThan(FEW);
  expect(asked.filter(({ method, url }) => method === 'GET' && !url.includes('watch'))).toEqual([]);
}

it.each([
  [
    'policy',
    'Deployment',
    403,
    "deployments.apps is forbidden: ValidatingAdmissionPolicy 'x' denied request: not today",
  ],
  [
    'webhook-away',
    'Deployment',
    500,
    'Internal error occurred: failed calling webhook "x.example.com": connection refused',
  ],
  ['addresses', 'Service', 500, 'Internal error occurred: failed to allocate a serviceIP: range is full'],
  [
    'quota',
    'Deployment',
    403,
    'deployments.apps is forbidden: exceeded quota: small, requested: count/deployments.apps=1',
  ],
])(
  'a child that is refused (%s): said in the cluster’s words, asked seldom, and over with its cause',
  async (name, kind, code, message) => {
    const reason = code === 500 ? 'InternalError' : 'Forbidden';
    const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message, reason };
    const isChild = ({ method, url }: { method: string; url: string }): boolean =>
      method === 'PATCH' && url.includes(`/${kind.toLowerCase()}s/${name}-`);
    proxy.rules.push({ match: isChild, times: 1000, answer: { status: code, body } });
    await deploy(name, 1, ONE);
    await eventually(async () =>
      expect(await condition(name, 'Progressing')).toMatchObject({ status: 'False', reason: `${kind}Refused` }),
    );
    const { message: said } = (await condition(name, 'Progressing')) ?? {};
    expect(said).toMatch(new RegExp(`^The cluster refuses ${kind} ${name}-\\w+: `));
    expect(said).toContain(message);
    await isQuiet();
    proxy.rules.length = 0;
    await becomes(name, healthy(1), 45_000);
  },
);

it('a deletion that is refused: the rollout ends all the same, it is said, asked seldom, and done when it may be', async () => {
  const message = 'admission webhook "keep.example.com" denied the request: nothing is deleted on a Friday';
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 403, message, reason: 'Forbidden' };
  const isDeletion = ({ method, url }: { method: string; url: string }): boolean =>
    method === 'DELETE' && url.includes('/deployments/kept-');
  await deploy('kept', 1, ONE);
  await becomes('kept', healthy(1));
  proxy.rules.push({ match: isDeletion, times: 1000, answer: { status: 403, body } });
  await deploy('kept', 2, ONE);
  await becomes('kept', healthy(2));
  await eventually(async () =>
    expect(await condition('kept', 'Progressing')).toMatchObject({ status: 'False', reason: 'DeploymentRefused' }),
  );
  const { message: said } = (await condition('kept', 'Progressing')) ?? {};
  expect(said).toMatch(/^The cluster refuses the deletion of Deployment kept-\w+: .*on a Friday$/);
  await isQuiet();
  // What stays holds no pods, which would leave the next one no room.
  await deploy('kept', 3, ONE);
  await becomes('kept', healthy(3));
  proxy.rules.length = 0;
  const one = async (): Promise<void> => {
    const { items } = await cluster.list(DEPLOYMENTS, { namespace: 'speech' });
    expect(items.filter(({ metadata }) => metadata.name.startsWith('kept-'))).toHaveLength(1);
    expect(await condition('kept', 'Progressing')).toMatchObject({ status: 'True' });
  };
  await eventually(one, { withinMs: 45_000 });
});

it('a revision that may not be kept: no pods of it, and what serves is healed all the same', async () => {
  // The one pod is to go first where there is no room for two.
  const alone = { replicas: 1, strategy: { rolling: { maxSurge: 0 } } };
  await deploy('frozen', 1, alone);
  await becomes('frozen', healthy(1));
  const message =
    'controllerrevisions.apps is forbidden: exceeded quota: small, limited: count/controllerrevisions.apps=1';
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 403, message, reason: 'Forbidden' };
  const isRevision = ({ method, url }: { method: string; url: string }): boolean =>
    method === 'PATCH' && url.includes('/controllerrevisions/frozen-');
  proxy.rules.push({ match: isRevision, times: 1000, answer: { status: 403, body } });
  await deploy('frozen', 2, alone);
  await eventually(async () =>
    expect(await condition('frozen', 'Progressing')).toMatchObject({ reason: 'ControllerRevisionRefused' }),
  );
  await cluster.delete(SERVICES, 'frozen-stable', 'speech');
  await eventually(() => cluster.get(SERVICES, 'frozen-stable', 'speech'), { withinMs: 20_000 });
  const replicas = async (): Promise<number[]> => {
    const { items } = await cluster.list<KubeObject & { spec: { replicas: number } }>(DEPLOYMENTS, {
      namespace: 'speech',
    });
    return items.filter(({ metadata }) => metadata.name.startsWith('frozen-')).map(({ spec }) => spec.replicas);
  };
  expect(await replicas()).toEqual([1]);
  // What is kept for want of another is not kept from who asks for fewer.
  await deploy('frozen', 2, { ...alone, replicas: 0 });
  await eventually(async () => expect((await replicas()).filter((pods) => pods > 0)).toEqual([]));
  await deploy('frozen', 2, alone);
  proxy.rules.length = 0;
  await becomes('frozen', healthy(2), 45_000);
});

it('a status that is refused: told once, by an Event, nothing is done twice, and written when it may be', async () => {
  await deploy('mute', 1, ONE);
  await becomes('mute', healthy(1));
  const children = async () => {
    const { items } = await cluster.list(DEPLOYMENTS, { namespace: 'speech' });
    return items.filter(({ metadata }) => metadata.name.startsWith('mute-')).map(({ metadata }) => metadata.generation);
  };
  const before = await children();
  const message = 'admission webhook "status.example.com" denied the request: not so';
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 403, message, reason: 'Forbidden' };
  const isStatus = ({ method, url }: { method: string; url: string }): boolean =>
    method === 'PATCH' && url.includes('/modeldeployments/mute/status');
  proxy.rules.push({ match: isStatus, times: 1000, answer: { status: 403, body } });
  await cluster.create(ROLLOUTCOMMANDS, {
    apiVersion: 'serving.clops.dev/v1alpha1',
    kind: 'RolloutCommand',
    metadata: { name: 'mute-again', namespace: 'speech' },
    spec: { deployment: 'mute', rollout: 1, verb: 'Restart' },
  } as KubeObject);
  const told = async (): Promise<string[]> => {
    const { items } = await cluster.list<KubeObject & { reason: string; message: string }>(EVENTS, {
      namespace: 'speech',
    });
    return items.filter(({ reason }) => reason === 'StatusRefused').map((event) => event.message);
  };
  await eventually(async () => expect((await told())[0]).toContain('not so'));
  await isQuiet();
  expect(await told()).toHaveLength(1);
  expect(await children()).toEqual(before);
  proxy.rules.length = 0;
  await eventually(async () => expect(await children()).not.toEqual(before), { withinMs: 20_000 });
  await becomes('mute', { ...healthy(1), restartedAt: expect.any(String) });
}, 60_000);

it('heals what is edited and deleted by hand', async () => {
  // Without a delay: what nobody needs goes at once.
  await deploy('edited', 1, { replicas: 1, strategy: HALF });
  await becomes('edited', healthy(1));
  const uid = await spoilChildren(cluster, 'edited');
  await eventually(() => expectMended(cluster, 'edited', { uid, replicas: 1 }), { withinMs: 20_000 });
  await becomes('edited', healthy(1));
  await isQuiet();
});

it('a Gateway that rejects the route is told in its words', async () => {
  await deploy('routed', 1, ONE);
  await becomes('routed', healthy(1));
  const rejected = (status: 'True' | 'False', reason: string, message: string): Promise<void> =>
    answerRoute('routed', { status, reason, message });
  await rejected('False', 'NotAllowedByListeners', 'No listener lets routes of namespace speech in.');
  await eventually(async () => {
    expect(await condition('routed', 'RouteProgrammed')).toMatchObject({
      status: 'False',
      reason: 'NotAllowedByListeners',
    });
    expect((await condition('routed', 'Ready'))?.message).toContain('No listener lets routes of namespace speech in.');
  });
  await isQuiet();
  await rejected('True', 'Accepted', '');
  await becomes('routed', healthy(1));
});

it('a namespace that is deleted in the middle of a rollout ends it, and nothing is asked any more', async () => {
  await makeNamespace('doomed');
  await deploy('gone', 1, { replicas: 1, strategy: HALF }, 'doomed');
  await eventually(async () => expect(await statusOf('gone', 'doomed')).toMatchObject(healthy(1)), {
    withinMs: 20_000,
  });
  await deploy('gone', 2, { replicas: 1, strategy: HALF }, 'doomed');
  await cluster.delete(NAMESPACES, 'doomed');
  await eventually(
    () => expect(cluster.get(NAMESPACES, 'doomed', undefined).then(() => false, isNotFound)).resolves.toBe(true),
    { withinMs: 30_000 },
  );
  await isQuiet();
});

/** As a gateway answers for a route. */
async function answerRoute(name: string, said: { status: string; reason: string; message: string }): Promise<void> {
  interface Route extends KubeObject {
    spec: { parentRefs: object[] };
  }
  const { metadata, spec } = await cluster.get<Route>(HTTPROUTES, name, 'speech');
  const of = { observedGeneration: metadata.generation, lastTransitionTime: '2026-01-01T00:00:00Z' };
  const conditions = [
    { type: 'Accepted', ...said, ...of },
    { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '', ...of },
  ];
  const parents = [{ parentRef: spec.parentRefs[0], controllerName: 'clops.dev/gateway', conditions }];
  await cluster.patch(HTTPROUTES, name, 'speech', 'merge', { status: { parents } }, { subresource: 'status' });
}
