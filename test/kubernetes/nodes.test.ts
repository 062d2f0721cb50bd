/** Containers, pretended nodes and a gateway of a real Kubernetes, reached from outside of its network; and its end. */

import { Resolver } from 'node:dns/promises';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { referenceOf } from './build/image.ts';
import { type Kubernetes, missingFor, startKubernetes } from './cluster.ts';
import { cgroupsOf } from './parts/cgroups.ts';
import { namespaceOf, namespaces } from './parts/network.ts';

const OPTIONS = { nodes: 2, kwok: 4, traefik: true, dns: true };
const missing = missingFor(OPTIONS);
if (missing) console.warn(`Skipped: ${missing}`);

describe.skipIf(missing)('a Kubernetes with nodes', () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes(OPTIONS);
  });
  afterAll(() => kubernetes?.stop());

  const apply = (...items: object[]): Promise<string> =>
    kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  const read = async (...args: string[]): Promise<Record<string, unknown>> =>
    JSON.parse(await kubernetes.kubectl(['get', ...args, '-o', 'json'])) as Record<string, unknown>;
  const available = (name: string): Promise<string> =>
    kubernetes.kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=50s']);
  const ask = async (url: string, host = 'models.test'): Promise<string> => {
    const { statusCode, body } = await request(url, { headers: { host }, headersTimeout: 3000 });
    const text = (await body.text()).trim();
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}: ${text}`);
    return text;
  };

  it('has nodes that run containers and nodes that pretend, with GPUs', async () => {
    const { items } = (await read('nodes')) as unknown as {
      items: { metadata: { name: string }; status: { capacity: Record<string, string>; conditions: object[] } }[];
    };
    const names = items.map(({ metadata }) => metadata.name);
    expect(names).toEqual(['kwok-0', 'kwok-1', 'kwok-2', 'kwok-3', 'node-1', 'node-2']);
    for (const { status } of items)
      expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    expect(items[0]?.status.capacity['nvidia.com/gpu']).toBe('8');
  });

  it('runs a pod on each real node and answers at its address, at its Service and by its name', async () => {
    const spread = { topologyKey: 'kubernetes.io/hostname', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' };
    await apply(...webApp('spread', { replicas: 2, topologySpreadConstraints: [spread] }));
    await available('spread');
    const { items } = (await read('pods', '-l', 'app=spread')) as unknown as {
      items: { spec: { nodeName: string }; status: { podIP: string } }[];
    };
    expect(items.map(({ spec }) => spec.nodeName).sort()).toEqual(['node-1', 'node-2']);
    for (const { status } of items) expect(await ask(`http://${status.podIP}:8080`)).toBe('spread');
    const { spec } = (await read('service', 'spread')) as { spec: { clusterIP: string } };
    expect(await eventually(() => ask(`http://${spec.clusterIP}`))).toBe('spread');
    const resolver = new Resolver();
    resolver.setServers([new URL(kubernetes.url).hostname]);
    expect(await resolver.resolve4('spread.default.svc.cluster.local')).toEqual([spec.clusterIP]);
    expect(await kubernetes.kubectl(['logs', 'deployment/spread'])).toBe('');
  });

  it('gives a pretended GPU to a pod that tolerates it', async () => {
    const [deployment] = webApp('gpu', {
      tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }],
      resources: { limits: { 'nvidia.com/gpu': '8' } },
    });
    await apply(deployment as object);
    await available('gpu');
    const { items } = (await read('pods', '-l', 'app=gpu')) as unknown as { items: { spec: { nodeName: string } }[] };
    expect(items[0]?.spec.nodeName).toMatch(/^kwok-[01]$/);
  });

  it('splits requests by the weights of an HTTPRoute', async () => {
    const gateway = kubernetes.gateway ?? '';
    const rule = { backendRefs: [backend('blue', 90), backend('green', 10)] };
    await apply(...webApp('blue'), ...webApp('green'), gatewayAt(Number(new URL(gateway).port)), routeOf(rule));
    await Promise.all([available('blue'), available('green')]);
    // Traefik learns of one set of endpoints after the other.
    await eventually(
      async () => {
        const seen = new Set<string>();
        for (let turn = 0; turn < 30; turn++) seen.add(await ask(gateway));
        expect([...seen].sort()).toEqual(['blue', 'green']);
      },
      { withinMs: 40_000 },
    );
    const counts: Record<string, number> = {};
    for (let turn = 0; turn < 200; turn++) {
      const who = await ask(gateway);
      counts[who] = (counts[who] ?? 0) + 1;
    }
    expect(counts['blue']).toBeGreaterThanOrEqual(175);
    expect(counts['green']).toBeGreaterThanOrEqual(15);
    expect(Object.keys(counts)).toHaveLength(2);
  });

  it('leaves nothing when it is stopped', async () => {
    const { name, kubeconfig } = kubernetes;
    const folder = dirname(kubeconfig);
    const [address] = new URL(kubernetes.url).hostname.split(/\.\d+$/);
    const holds = (): string[] => [
      ...processesOf(folder),
      ...readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(folder)),
      ...cgroupsOf(name),
    ];
    const links = () => Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    // By their hardware addresses: the next cluster may have the numbers at once.
    const ours = links().filter((link) => link.address.startsWith(`${address}.`));
    const before = holds();
    expect(before.filter((held) => held.includes('containerd-shim')).length).toBeGreaterThanOrEqual(4);
    expect(ours).not.toEqual([]);
    await kubernetes.stop();
    expect(holds()).toEqual([]);
    expect(links().filter((link) => ours.some(({ mac }) => mac === link.mac))).toEqual([]);
    expect((await namespaces()).filter((found) => found.startsWith(namespaceOf(name)))).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});

const metadata = (name: string): { name: string; namespace: string } => ({ name, namespace: 'default' });
const backend = (name: string, weight: number): object => ({ name, port: 80, weight });

function webApp(name: string, options: Record<string, unknown> = {}): [deployment: object, service: object] {
  const { replicas = 1, resources, ...pod } = options;
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 };
  const container = { name: 'web', image: referenceOf('web'), env: [{ name: 'NAME', value: name }] };
  const spec = { ...pod, terminationGracePeriodSeconds: 1, containers: [{ ...container, readinessProbe, resources }] };
  const labels = { app: name };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata(name),
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: spreadOver(spec, labels) },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(name),
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ];
}

function spreadOver(spec: Record<string, unknown>, matchLabels: object): object {
  const constraints = spec['topologySpreadConstraints'] as object[] | undefined;
  const counted = constraints?.map((each) => ({ ...each, labelSelector: { matchLabels }, nodeTaintsPolicy: 'Honor' }));
  return { ...spec, ...(counted ? { topologySpreadConstraints: counted } : {}) };
}

const gatewayAt = (port: number): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: metadata('models'),
  spec: { gatewayClassName: 'traefik', listeners: [{ name: 'web', port, protocol: 'HTTP' }] },
});

const routeOf = (rule: object): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: metadata('models'),
  spec: { parentRefs: [{ name: 'models' }], hostnames: ['models.test'], rules: [rule] },
});

/** Command lines of what runs with this folder in its words or its working directory, pods' shims among them. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return words.includes(folder) || environment.includes(folder) ? [words] : [];
      } catch {
        return [];
      }
    });
}
