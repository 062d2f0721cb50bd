/**
 * Prometheus beside a cluster, told what to scrape as Prometheus Operator tells it: a PodMonitor of the chart becomes the
 * same job here, so that what its alerts and dashboards ask for is there under the same names.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type ControlPlane, flags } from './controlPlane.ts';
import { start, until } from './processes.ts';
import { kubectl } from './run.ts';

export interface PodMonitor {
  metadata: { name: string; namespace?: string };
  spec: {
    namespaceSelector?: { any?: boolean };
    selector: {
      matchLabels?: Record<string, string>;
      matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
    };
    podTargetLabels?: readonly string[];
    podMetricsEndpoints: readonly { port: string; path?: string; interval?: string }[];
  };
}

interface Pod {
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  spec: { containers: { ports?: { name?: string; containerPort: number }[] }[] };
  status: { podIP?: string };
}

/** Answers its address, reached from outside of the cluster's network too. `rules` are groups of a PrometheusRule. */
export async function startPrometheus(
  plane: ControlPlane,
  monitors: readonly PodMonitor[],
  rules: { groups?: readonly object[] } = {},
): Promise<string> {
  const { run, enter, address, ports } = plane;
  const folder = join(run, 'prometheus');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'rules.yml'), stringify({ groups: rules.groups ?? [] }));
  const { items: pods } = JSON.parse(await kubectl(run, ['get', 'pods', '-A', '-o', 'json'])) as { items: Pod[] };
  const config = {
    global: { scrape_interval: '2s', evaluation_interval: '2s' },
    rule_files: ['rules.yml'],
    scrape_configs: monitors.flatMap((monitor) => jobsOf(monitor, pods)),
  };
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  const settings = {
    'config.file': join(folder, 'prometheus.yml'),
    'storage.tsdb.path': join(folder, 'data'),
    'web.listen-address': `${address}:${ports.prometheus}`,
  };
  start(run, 'prometheus', [...enter, 'prometheus', ...flags(settings)]);
  const url = `http://${address}:${ports.prometheus}`;
  await until(run, 'Prometheus', ['prometheus'], async () => {
    const response = await fetch(`${url}/-/ready`).catch(() => undefined);
    return response?.ok ?? false;
  });
  return url;
}

/**
 * As the operator selects and labels: pods by their labels, one target for each named port. The pods are those of now, since
 * Debian builds Prometheus without discovery by Kubernetes.
 */
function jobsOf({ metadata, spec }: PodMonitor, pods: readonly Pod[]): object[] {
  const { podTargetLabels = [], podMetricsEndpoints } = spec;
  const selected = pods.filter((pod) => isSelected(pod, metadata.namespace, spec));
  return podMetricsEndpoints.map(({ port, path = '/metrics' }) => ({
    job_name: `${metadata.name}/${port}`,
    metrics_path: path,
    static_configs: selected.flatMap(({ metadata: { name, namespace, labels = {} }, spec: { containers }, status }) =>
      containers
        .flatMap(({ ports = [] }) => ports)
        .filter((each) => each.name === port && status.podIP)
        .map(({ containerPort }) => ({
          targets: [`${status.podIP}:${containerPort}`],
          labels: {
            namespace,
            pod: name,
            ...Object.fromEntries(podTargetLabels.map((label) => [sanitized(label), labels[label] ?? ''])),
          },
        })),
    ),
  }));
}

function isSelected({ metadata: pod }: Pod, home: string | undefined, spec: PodMonitor['spec']): boolean {
  const labels = pod.labels ?? {};
  const { matchLabels = {}, matchExpressions = [] } = spec.selector;
  return (
    (spec.namespaceSelector?.any === true || pod.namespace === home) &&
    Object.entries(matchLabels).every(([label, value]) => labels[label] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return labels[key] !== undefined;
      if (operator === 'In') return values.includes(labels[key] ?? '');
      throw new Error(`The operator ${operator} of a PodMonitor is not known here.`);
    })
  );
}

const sanitized = (label: string): string => label.replace(/[^a-zA-Z0-9_]/g, '_');
