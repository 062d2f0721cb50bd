/**
 * Everything that serving is made of but machines: the API on Postgres, the relay, the controller, the local cluster's core
 * with its workload controllers; pods are played by their status, the gateway counts without sending.
 */
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import { LABELS } from '../../src/contract/names.ts';
import { install } from '../../src/controller/install.ts';
import { type Controller, startController } from '../../src/controller/run.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Unavailable } from '../../src/lib/problem.ts';
import { startControllers } from '../../src/local/controllers/index.ts';
import { startGateway as startRealGateway } from '../../src/local/gateway/index.ts';
import { type Relay, startRelay } from '../../src/modules/serving/index.ts';
import type { ClusterPort, WatchEvent } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS } from '../../src/platform/cluster/resources.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';
import { type Fate, startGateway, startKubelet, startModels, type World } from '../controller/lab.ts';
import { startCore } from '../local/apiserver/harness.ts';
import { anApi, type TestApi, TOKEN } from './api.ts';
import { eventually } from './eventually.ts';

export interface ServingLab extends TestApi, Pick<World, 'fates' | 'requests'> {
  /** The cluster ends with all that is in it, and another one that is empty takes its place. */
  loseCluster(): Promise<void>;
  /** The API server itself, whatever the platform may think of it. */
  cluster: ClusterPort;
  /** False: the platform's connections to the cluster are refused, those that are open are cut. */
  connect(isUp: boolean): void;
  stopRelay(): Promise<void>;
  startRelay(options?: { newCluster?: string; extraCaFile?: string }): Promise<void>;
  stopController(): Promise<void>;
  startController(): void;
  /** Registers so many versions, each of other bytes, of a new model. Answers their digests. */
  register(model: string, versions: number): Promise<string[]>;
  deploy(input: object): Promise<Answer>;
  drive(verb: string, rollout: string, more?: object): Promise<Answer>;
  /** The deployment as the graph has it, with its rollout. */
  deployment(name: string): Promise<DeploymentView>;
  untilPhase(name: string, phase: string): Promise<DeploymentView>;
  untilRollout(name: string, phase: string, stepIndex?: number): Promise<DeploymentView>;
  untilOperation(id: string, state: string): Promise<{ state: string; error: string | null }>;
  /** However it ends. */
  untilEnded(id: string): Promise<{ state: string; error: string | null }>;
  /** Types of the events about a thing, in order. */
  told(id: string): Promise<string[]>;
  resource(name: string): Promise<ModelDeployment>;
  touchPods(): Promise<void>;
}

export interface Answer {
  deployment: { id: string; generation: number } | null;
  rollout: { id: string; phase: string } | null;
  operation: { id: string; state: string } | null;
  errors: {
    __typename: string;
    code: string;
    message: string;
    path: string[] | null;
    allowed?: string[];
    constraint?: string;
  }[];
}

export interface DeploymentView {
  id: string;
  name: string;
  phase: string;
  generation: number;
  replicas: number;
  ready: boolean;
  stable: { weight: number; version: { number: number } | null; replicas: number } | null;
  canary: { weight: number; version: { number: number } | null } | null;
  rollout: { id: string; phase: string; outcome: string | null; stepIndex: number; message: string; allowed: string[] };
}

const VIEW = `id name phase generation replicas ready stable { weight version { number } replicas } canary { weight version { number } }
  rollout { id phase outcome stepIndex message allowed }`;
const PAYLOAD = `{ deployment { id generation } rollout { id phase } operation { id state }
  errors { __typename code message path ... on NotAllowedNowError { allowed } ... on InvalidInputError { constraint } } }`;

export const CANARY = {
  canary: { steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }], scaleDownDelaySeconds: 0 },
};

const MODELS = new URL('../modelserver/models/', import.meta.url);
const FILES = readdirSync(MODELS).filter((file) => file.endsWith('.onnx'));
export const ARTIFACTS = FILES.map((file) => readFileSync(new URL(file, MODELS)));
export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export async function aServingLab(
  options: {
    databaseThrough?: (url: string) => Promise<string>;
    /** `local` or `external`. */
    clusterName?: string;
    /** One that sends requests on to the pods and counts them, instead of one that claims counts. */
    gateway?: 'real';
    /** What pods say: they are played, and have no log of their own. */
    podLog?: ClusterPort['log'];
  } = {},
): Promise<ServingLab> {
  const fates = new Map<number, Fate>();
  const world: World = { fates, requests: { value: 'fair' }, weights: [] };
  const models = await startModels(fates);
  let machine = await aMachine(world, models.ports, options.gateway === 'real');
  const line = cuttable(() => machine.cluster);
  const api = await anApi({
    ...(options.clusterName && { clusterName: options.clusterName }),
    cluster: { ...line.cluster, ...(options.podLog && { log: options.podLog }) },
    ...(options.databaseThrough && { databaseThrough: options.databaseThrough }),
  });
  await api.ask('mutation { createTeam(input: { name: "speech" }) { errors { message } } }');
  let relay: Relay | undefined = await startRelay(api);
  let lives = 0;
  const launch = (): Controller =>
    startController({
      cluster: machine.cluster,
      traffic: createTrafficCounts(),
      log: silentLog,
      identity: `serving_${process.pid}_${lives++}`,
      isDead: () => true,
    });
  let controller: Controller | undefined = launch();

  const view = async (name: string): Promise<DeploymentView> => {
    const { deployment } = await api.ask<{ deployment: DeploymentView | null }>(
      `query ($name: String!) { deployment(team: "speech", name: $name) { ${VIEW} } }`,
      { name },
    );
    if (!deployment) throw new Error(`there is no deployment ${name}`);
    return deployment;
  };
  const untilOperation = (id: string, state: RegExp): Promise<{ state: string; error: string | null }> =>
    eventually(async () => {
      const { operation } = await api.ask<{ operation: { state: string; error: string | null } }>(
        'query ($id: ID!) { operation(id: $id) { state error } }',
        { id },
      );
      expect(operation.state).toMatch(state);
      return operation;
    });
  const until = (name: string, check: (found: DeploymentView) => void): Promise<DeploymentView> => {
    let last: DeploymentView | undefined;
    return eventually(async () => {
      last = await view(name);
      check(last);
      // Again: a deployment and its rollout are two reads, and the first may have been of the moment before.
      last = await view(name);
      check(last);
      return last;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\nlast: ${JSON.stringify(last, null, 1)}`);
    });
  };

  const lab: ServingLab = {
    ...api,
    ...world,
    get cluster() {
      return machine.cluster;
    },
    connect: line.connect,
    async stopRelay() {
      await relay?.close();
      relay = undefined;
    },
    async loseCluster() {
      await controller?.close();
      await machine.close();
      machine = await aMachine(world, models.ports, options.gateway === 'real');
      line.sever();
      controller = launch();
    },
    async startRelay(options) {
      relay = await startRelay({ ...api, ...options });
    },
    async stopController() {
      await controller?.close();
      controller = undefined;
    },
    startController() {
      controller = launch();
    },
    async register(model, versions) {
      const { createModel } = await api.ask<{ createModel: { model: { id: string } } }>(
        'mutation ($name: String!) { createModel(input: { team: "speech", name: $name }) { model { id } errors { message } } }',
        { name: model },
      );
      const digests: string[] = [];
      for (const bytes of ARTIFACTS.slice(0, versions))
        digests.push(await addVersion(api, createModel.model.id, bytes));
      return digests;
    },
    async deploy(input) {
      const { deployModel } = await api.ask<{ deployModel: Answer }>(
        `mutation ($input: DeployModelInput!) { deployModel(input: $input) ${PAYLOAD} }`,
        { input: { team: 'speech', model: 'vad', strategy: CANARY, replicas: 2, ...input } },
      );
      return deployModel;
    },
    async drive(verb, id, more = {}) {
      const [type, field] = INPUTS[verb] ?? ['RolloutInput', 'rollout'];
      const answer = await api.ask<Record<string, Answer>>(
        `mutation ($input: ${type}!) { ${verb}(input: $input) ${PAYLOAD} }`,
        { input: { [field]: id, ...more } },
      );
      return answer[verb] as Answer;
    },
    deployment: view,
    untilPhase: (name, phase) => until(name, (found) => expect(found.phase).toBe(phase)),
    untilRollout: (name, phase, stepIndex) =>
      until(name, ({ rollout }) => {
        expect(rollout.phase).toBe(phase);
        if (stepIndex !== undefined) expect(rollout.stepIndex).toBe(stepIndex);
      }),
    untilOperation: (id, state) => untilOperation(id, new RegExp(`^${state}$`)),
    untilEnded: (id) => untilOperation(id, /^(SUCCEEDED|FAILED)$/),
    async told(id) {
      await api.database.sequenced();
      const { events } = await api.ask<{ events: { nodes: { type: string }[] } }>(
        'query ($id: ID!) { events(first: 100, where: { subject: $id }) { nodes { type } } }',
        { id },
      );
      return events.nodes.map(({ type }) => type);
    },
    resource: (name) => machine.cluster.get<ModelDeployment>(MODELDEPLOYMENTS, name, 'speech'),
    touchPods: () => machine.kubelet.touch(),
    async close() {
      await relay?.close();
      await controller?.close();
      await api.close();
      await machine.close();
      await models.close();
    },
  };
  return lab;
}

/** The cluster and what works in it. */
async function aMachine(world: World, ports: Parameters<typeof startKubelet>[2], withRealGateway: boolean) {
  const core = await startCore();
  const { cluster } = core;
  const controllers = startControllers({ cluster, log: silentLog });
  await controllers.synced();
  const real = withRealGateway && (await startRealGateway({ cluster, port: 0, bind: '127.0.0.1', log: silentLog }));
  await install(cluster, { gateway: true, ...(real && { gatewayPort: Number(new URL(real.url).port) }) });
  const kubelet = startKubelet(cluster, world.fates, ports);
  const gateway = real || (await startGateway(cluster, world));
  return {
    cluster,
    kubelet,
    async close() {
      await kubelet.close();
      await gateway.close();
      await controllers.close();
      await core.close();
    },
  };
}

const INPUTS: Record<string, [string, string]> = {
  promoteRollout: ['PromoteRolloutInput', 'rollout'],
  rollbackDeployment: ['RollbackDeploymentInput', 'deployment'],
  updateDeployment: ['UpdateDeploymentInput', 'deployment'],
};

export async function addVersion(api: TestApi, model: string, bytes: Uint8Array): Promise<string> {
  const digest = digestOf(bytes);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const put = await fetch(`${api.api.url}/artifacts/${digest}`, {
    method: 'PUT',
    headers,
    body: new Uint8Array(bytes),
  });
  if (put.status !== 201) throw new Error(`${put.status}: ${await put.text()}`);
  const { createModelVersion } = await api.ask<{ createModelVersion: { errors: object[] } }>(
    'mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { errors { message } } }',
    { input: { model, artifact: { digest }, format: 'ONNX' } },
  );
  expect(createModelVersion.errors).toEqual([]);
  return digest;
}

/** The same cluster over a line that can be cut: calls are refused and watches break, as when the API server is away. */
function cuttable(of: () => ClusterPort): { cluster: ClusterPort; connect(isUp: boolean): void; sever(): void } {
  let cut = new AbortController();
  const refused = (): Unavailable => new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster does not answer.');
  const call = async <T>(act: () => Promise<T>): Promise<T> => {
    if (cut.signal.aborted) throw refused();
    return act();
  };
  return {
    connect(isUp) {
      if (isUp) cut = new AbortController();
      else cut.abort();
    },
    /** Cuts what is open, and lets it be opened again unless it was cut already. */
    sever() {
      if (cut.signal.aborted) return;
      cut.abort();
      cut = new AbortController();
    },
    cluster: {
      ...of(),
      get: (...args) => call(() => of().get(...args)),
      list: (...args) => call(() => of().list(...args)),
      create: (...args) => call(() => of().create(...args)),
      replace: (...args) => call(() => of().replace(...args)),
      patch: (...args) => call(() => of().patch(...args)),
      apply: (...args) => call(() => of().apply(...args)),
      delete: (...args) => call(() => of().delete(...args)),
      version: (...args) => call(() => of().version(...args)),
      async *watch<T extends Parameters<ClusterPort['create']>[1]>(
        resource: Parameters<ClusterPort['watch']>[0],
        given: Parameters<ClusterPort['watch']>[1],
      ): AsyncGenerator<WatchEvent<T>> {
        const { signal } = cut;
        if (signal.aborted) throw refused();
        const both = given.signal ? AbortSignal.any([given.signal, signal]) : signal;
        yield* of().watch<T>(resource, { ...given, signal: both });
        if (signal.aborted) throw refused();
      },
    },
  };
}

/** What a deployment has left in the cluster, as `Kind name`. */
export async function leftOf(cluster: ClusterPort, name: string, resources: Parameters<ClusterPort['list']>[0][]) {
  const left: string[] = [];
  for (const resource of resources) {
    const { items } = await cluster.list(resource, {
      namespace: 'speech',
      labelSelector: `${LABELS.deployment}=${name}`,
    });
    left.push(...items.map(({ metadata }) => `${resource.kind} ${metadata.name}`));
  }
  return left;
}
