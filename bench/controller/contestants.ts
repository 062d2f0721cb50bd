/** The two that are measured: how each is started, what it is given, and how one sees that it is done. */
import { fileURLToPath } from 'node:url';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import type { KubeObject, Resource } from '../../src/platform/cluster/port.ts';
import { LEASES, MODELDEPLOYMENTS } from '../../src/platform/cluster/resources.ts';
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
const CONTROLLER = fileURLToPath(new URL('../../test/kubernetes/controllerProcess.ts', import.meta.url));

export function ours(lab: KubernetesLab): Contestant {
  const strategy = { canary: { steps: [{ setWeight: 50 }, { pause: { seconds: 1 } }] } };
  return {
    title: 'CLOps',
    user: 'bench:clops',
    async prepare() {
      lab.world.requests.value = 'none';
    },
    command: (kubeconfig) => [process.execPath, CONTROLLER, kubeconfig, 'bench'],
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
    deploy: (name, version) => lab.deploy(name, version, { replicas: 2, strategy }),
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

export function rollouts(lab: KubernetesLab, program: string, crds: string): Contestant {
  const files = ['analysis-run', 'analysis-template', 'cluster-analysis-template', 'experiment', 'rollout'];
  return {
    title: 'Argo Rollouts',
    user: 'bench:argo',
    async prepare() {
      const args = files.flatMap((name) => ['-f', `${crds}/${name}-crd.yaml`]);
      await lab.kubernetes.kubectl(['apply', '--server-side', ...args]);
      await eventually(() => lab.cluster.list(ROLLOUTS), { withinMs: 30_000, everyMs: 300 });
    },
    command: (kubeconfig) => [
      program,
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--qps=200',
      '--burst=400',
      '--metricsPort=28090',
      '--healthzPort=28080',
      '--loglevel=warn',
    ],
    leads: async () => {},
    deploy: (name, version) =>
      lab.cluster.apply(ROLLOUTS, aRollout(name, version), { fieldManager: 'test', force: true }),
    async done(version) {
      const { items } = await lab.cluster.list<Rollout>(ROLLOUTS, { namespace: NAMESPACE });
      return items.filter(
        ({ metadata, status }) =>
          status?.phase === 'Healthy' &&
          status.observedGeneration === String(metadata.generation) &&
          metadata.labels?.['version'] === String(version),
      ).length;
    },
    clear: () => lab.kubernetes.kubectl(['-n', NAMESPACE, 'delete', 'rollouts', '--all']),
  };
}

function aRollout(name: string, version: number): KubeObject {
  const labels = { app: name };
  const resources = { requests: { cpu: '10m', memory: '16Mi' } };
  const containers = [{ name: 'server', image: `example.invalid/server:${version}`, resources }];
  const tolerations = [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }];
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name, namespace: NAMESPACE, labels: { version: String(version) } },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { duration: '1s' } }] } },
      template: { metadata: { labels }, spec: { containers, tolerations } },
    },
  };
}
