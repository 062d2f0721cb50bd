/**
 * Prometheus beside a cluster, told what to scrape as Prometheus Operator tells it: a PodMonitor of the chart becomes the
 * same job here, so that what its alerts and dashboards ask for is there under the same names.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type ControlPlane, flags } from './controlPlane.ts';
import { start, until } from './processes.ts';

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

/** Of the models that CLOps serves, for a cluster without the chart. */
export const MODELS: PodMonitor = {
  metadata: { name: 'models' },
  spec: {
    namespaceSelector: { any: true },
    selector: { matchExpressions: [{ key: 'clops.dev/deployment', operator: 'Exists' }] },
    podTargetLabels: ['clops.dev/deployment', 'clops.dev/version'],
    podMetricsEndpoints: [{ port: 'http' }],
  },
};

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
  const kubeconfig = join(run, 'admin.kubeconfig');
  const config = {
    global: { scrape_interval: '2s', evaluation_interval: '2s' },
    rule_files: ['rules.yml'],
    scrape_configs: monitors.flatMap((monitor) => jobsOf(monitor, kubeconfig)),
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

/** As the operator writes them: selection by labels of the pod, one target for each named port, names of its labels. */
function jobsOf({ metadata, spec }: PodMonitor, kubeconfig: string): object[] {
  const { namespaceSelector, selector, podTargetLabels = [], podMetricsEndpoints } = spec;
  const namespaces = namespaceSelector?.any ? {} : { namespaces: { names: [metadata.namespace ?? 'default'] } };
  const keep = (label: string, regex: string): object => ({ source_labels: [label], regex, action: 'keep' });
  const copy = (label: string, target_label: string): object => ({ source_labels: [label], target_label });
  const pod = (label: string): string => `__meta_kubernetes_pod_label_${sanitized(label)}`;
  const present = (label: string): string => `__meta_kubernetes_pod_labelpresent_${sanitized(label)}`;
  const selected = [
    ...Object.entries(selector.matchLabels ?? {}).map(([label, value]) => keep(pod(label), value)),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return keep(present(key), 'true');
      if (operator === 'In') return keep(pod(key), values.join('|'));
      throw new Error(`The operator ${operator} of a PodMonitor is not translated here.`);
    }),
  ];
  return podMetricsEndpoints.map(({ port, path = '/metrics' }) => ({
    job_name: `${metadata.name}/${port}`,
    metrics_path: path,
    kubernetes_sd_configs: [{ role: 'pod', kubeconfig_file: kubeconfig, ...namespaces }],
    relabel_configs: [
      ...selected,
      keep('__meta_kubernetes_pod_container_port_name', port),
      copy('__meta_kubernetes_namespace', 'namespace'),
      copy('__meta_kubernetes_pod_name', 'pod'),
      ...podTargetLabels.map((label) => copy(pod(label), sanitized(label))),
    ],
  }));
}

const sanitized = (label: string): string => label.replace(/[^a-zA-Z0-9_]/g, '_');
