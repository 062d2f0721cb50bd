/** Those that are measured: how each is started, what it is given, and how one sees that it is done. */
import { fileURLToPath } from 'node:url';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import type { KubeObject, Resource } from '../../src/platform/cluster/port.ts';
import { LEASES, MODELDEPLOYMENTS, SERVICES } from '../../src/platform/cluster/resources.ts';
import { argoManifests, pathOf } from '../../test/kubernetes/build/build.ts';
import type { KubernetesLab } from '../../test/kubernetes/controllerLab.ts';
import { eventually } from '../../test/support/eventually.ts';

export interface Contestant {
  title: string;
  /** As whom it asks the API server: what the audit log is read by. */
  user: string;
  prepare(): Promise<void>;
  command(kubeconfig: string): string[];
  /** Resolves when it works. */
  leads(): Promise<void>;
  deploy(name: string, version: number): Promise<unknown>;
  /** How many are at this version and well. */
  done(version: number): Promise<number>;
  clear(): Promise<unknown>;
}

const NAMESPACE = 'speech';
const REPLICAS = 2;
const WEIGHT = 50;
const PAUSE_SECONDS = 1;
const CONTROLLER = fileURLToPath(new URL('../../test/kubernetes/controllerProcess.mjs', import.meta.url));

export function ours(lab: KubernetesLab, profile?: string): Contestant {
  const strategy = { canary: { steps: [{ setWeight: WEIGHT }, { pause: { seconds: PAUSE_SECONDS } }] } };
  return {
    title: 'CLOps',
    user: 'bench:clops',
    async prepare() {
      lab.world.requests.value = 'none';
    },
    command: (kubeconfig) => [
      process.execPath,
      '--max-semi-space-size=8', // as the chart starts it
      ...(profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : []),
      CONTROLLER,
      kubeconfig,
      'bench',
    ],
    leads: () =>
      eventually(
        async () => {
          const lease = await lab.cluster.get<KubeObject & { spec: { holderIdentity?: string } }>(
            LEASES,
            'clops-controller',
            'clops-system',
          );
          if (lease.spec.holderIdentity !== 'bench') throw new Error('The controller does not lead yet.');
        },
        { withinMs: 60_000, everyMs: 300 },
      ),
    deploy: (name, version) => lab.deploy(name, version, { replicas: REPLICAS, strategy }),
    async done(version) {
      const { items } = await lab.cluster.list<ModelDeployment>(MODELDEPLOYMENTS, { namespace: NAMESPACE });
      return items.filter(({ status }) => status?.phase === 'Healthy' && status.stable?.version === version).length;
    },
    clear: () => lab.kubernetes.kubectl(['-n', NAMESPACE, 'delete', 'modeldeployments', '--all']),
  };
}

interface Rollout extends KubeObject {
  status?: { phase?: string; observedGeneration?: string };
}

const ROLLOUTS: Resource = {
  group: 'argoproj.io',
  version: 'v1alpha1',
  plural: 'rollouts',
  kind: 'Rollout',
  namespaced: true,
};
const INGRESSES: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingresses',
  kind: 'Ingress',
  namespaced: true,
};

/** Divided by pods, or by the annotations of an Ingress for nginx, which is the router of theirs that nobody has to run. */
export function rollouts(lab: KubernetesLab, isRouted: boolean): Contestant {
  const files = ['analysis-run', 'analysis-template', 'cluster-analysis-template', 'experiment', 'rollout'];
  const apply = (resource: Resource, object: KubeObject): Promise<unknown> =>
    lab.cluster.apply(resource, object, { fieldManager: 'test', force: true });
  return {
    title: isRouted ? 'Argo Rollouts, routed' : 'Argo Rollouts, by pods',
    user: `bench:argo-${isRouted ? 'routed' : 'pods'}`,
    async prepare() {
      const manifests = await argoManifests();
      const args = files.flatMap((name) => ['-f', `${manifests}/crds/${name}-crd.yaml`]);
      await lab.kubernetes.kubectl(['apply', '--server-side', ...args]);
      await eventually(() => lab.cluster.list(ROLLOUTS), { withinMs: 30_000, everyMs: 300 });
    },
    command: (kubeconfig) => [
      pathOf('rollouts-controller'),
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--qps=200',
      '--burst=400',
      '--metricsPort=28090',
      '--healthzPort=28080',
      '--loglevel=warn',
    ],
    leads: async () => {},
    async deploy(name, version) {
      if (isRouted && version === 1) {
        for (const role of ['stable', 'canary']) await apply(SERVICES, aService(name, role));
        await apply(INGRESSES, anIngress(name));
      }
      return apply(ROLLOUTS, aRollout(name, version, isRouted));
    },
    async done(version) {
      const { items } = await lab.cluster.list<Rollout>(ROLLOUTS, { namespace: NAMESPACE });
      return items.filter(
        ({ metadata, status }) =>
          status?.phase === 'Healthy' &&
          status.observedGeneration === String(metadata.generation) &&
          metadata.labels?.['version'] === String(version),
      ).length;
    },
    async clear() {
      await lab.kubernetes.kubectl(['-n', NAMESPACE, 'delete', 'rollouts,ingresses', '--all']);
      await lab.kubernetes.kubectl(['-n', NAMESPACE, 'delete', 'services', '-l', 'bench=argo']);
    },
  };
}

const serviceOf = (name: string, role: string): string => `${name}-${role}`;

function aService(name: string, role: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: serviceOf(name, role), namespace: NAMESPACE, labels: { bench: 'argo' } },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  } as KubeObject;
}

function anIngress(name: string): KubeObject {
  const service = { name: serviceOf(name, 'stable'), port: { number: 80 } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      ingressClassName: 'nginx',
      rules: [{ host: `${name}.invalid`, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service } }] } }],
    },
  } as KubeObject;
}

function aRollout(name: string, version: number, isRouted: boolean): KubeObject {
  const labels = { app: name };
  const resources = { requests: { cpu: '10m', memory: '16Mi' } };
  const containers = [{ name: 'server', image: `example.invalid/server:${version}`, resources }];
  const tolerations = [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }];
  const routing = {
    stableService: serviceOf(name, 'stable'),
    canaryService: serviceOf(name, 'canary'),
    trafficRouting: { nginx: { stableIngress: name } },
  };
  const steps = [{ setWeight: WEIGHT }, { pause: { duration: `${PAUSE_SECONDS}s` } }];
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name, namespace: NAMESPACE, labels: { version: String(version) } },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      strategy: { canary: { steps, ...(isRouted && routing) } },
      template: { metadata: { labels }, spec: { containers, tolerations } },
    },
  } as KubeObject;
}
