/**
 * `npm start` with a cluster of the person's own, which this machine joins: our nodes and our gateway on a real control plane,
 * and the demo as people try it. Walked through from the first refusal to the second start.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { install } from '../../src/controller/install.ts';
import { conditionOf, type Node } from '../../src/local/kinds.ts';
import type { ClusterPort, KubeObject } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS, NODES, PODS, SERVINGRUNTIMES } from '../../src/platform/cluster/resources.ts';
import { askNode } from '../support/askNode.ts';
import { eventually } from '../support/eventually.ts';
import { gatewayApiCrds, pathOf } from './build/build.ts';
import { type Kubernetes, missingFor, startKubernetes } from './cluster.ts';
import { type JoinedLab, joinTo } from './joinedLab.ts';

const OPTIONS = { apart: true };
const missing = missingFor(OPTIONS);
if (missing) console.warn(`Skipped: ${missing}`);

interface Pod extends KubeObject {
  spec: { nodeName?: string };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    podIP?: string;
    containerStatuses?: { state: object }[];
  };
}
interface Deployment extends KubeObject {
  status?: {
    phase?: string;
    canary?: { weight?: number };
    stable?: { version?: number };
    conditions?: { type: string; status: string; message?: string }[];
  };
}

describe.skipIf(missing)('a machine that joins a real control plane', () => {
  let kubernetes: Kubernetes;
  let cluster: ClusterPort;
  let lab: JoinedLab;
  let platform: Awaited<ReturnType<JoinedLab['start']>>;
  beforeAll(async () => {
    kubernetes = await startKubernetes(OPTIONS);
    cluster = kubernetes.port();
    lab = await joinTo(kubernetes);
  });
  afterAll(async () => {
    await lab?.close();
    await kubernetes?.stop();
  });

  const apply = (...items: object[]): Promise<string> =>
    kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  const pods = async (labelSelector: string, namespace = 'speech'): Promise<Pod[]> =>
    (await cluster.list<Pod>(PODS, { namespace, labelSelector })).items;
  const served = (): Promise<Pod[]> => pods('clops.dev/deployment=vad');
  const vad = (): Promise<Deployment> => cluster.get<Deployment>(MODELDEPLOYMENTS, 'vad', 'speech');
  const pausedAt = (weight: number): Promise<void> =>
    eventually(async () => expect((await vad()).status).toMatchObject({ phase: 'Paused', canary: { weight } }), {
      withinMs: 90_000,
      everyMs: 200,
    });
  /** As the table says it: how likely the example is speech. */
  async function predicted(): Promise<number> {
    const answer = JSON.parse(await lab.asShown(/curl \S+\/infer \\\n.*/)) as { outputs: { data: number[] }[] };
    return answer.outputs[0]?.data[0] ?? 0;
  }

  it('refuses a cluster that lacks what is needed, or has what it would take over', async () => {
    await lab.inside('ip', 'route', 'del', 'default'); // nothing of this looks for what is outside
    const { address } = lab;
    const words = `KUBECONFIG=${kubernetes.kubeconfig} names a cluster `;
    expect(await lab.refused()).toContain(
      `is not this machine's: ${lab.pods}.2 cannot be listened on. \`sudo ip route add local ${lab.pods}.0/23 dev lo\``,
    );
    await lab.inside('ip', 'route', 'add', 'local', `${lab.pods}.0/23`, 'dev', 'lo');
    expect(await lab.refused({ CLOPS_NODE_ADDRESS: '10.1.2.3' })).toContain(
      `10.1.2.3 is no address of this machine, which has ${address}:`,
    );
    expect(await lab.refused()).toContain(`✗ ${words}without the Gateway API: install it (\`kubectl apply`);
    await kubernetes.kubectl(['apply', '--server-side', '-f', await gatewayApiCrds()]);
    await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'gpu-2' } });
    await eventually(
      async () => expect(await lab.refused()).toContain(`✗ ${words}that has a node gpu-2 of its own: declare`),
      { withinMs: 30_000 },
    );
    await cluster.delete(NODES, 'gpu-2');
    await install(cluster, { gateway: false, runtimes: { image: 'registry.example/clops:7' } });
    expect(await lab.refused()).toMatch(
      /in which CLOps is installed: its ServingRuntime onnx has the image registry.example\/clops:7, .*\n1$/,
    );
    await cluster.delete(SERVINGRUNTIMES, 'onnx');
    writeFileSync(join(lab.dataDir, 'joined'), 'another');
    expect(await lab.refused()).toMatch(
      /names another cluster than the one that .* belongs to: .*CLOPS_NEW_CLUSTER=\S+-\S+ puts/,
    );
    rmSync(join(lab.dataDir, 'joined'));
    expect(existsSync(join(lab.dataDir, 'postgres'))).toBe(false);
  });

  it('joins as tainted nodes, and serves the demo on them', async () => {
    platform = await lab.start();
    expect(lab.said()).toMatch(/✓ custom resources installed.*\n(.*\n)*✓ node ready(.*\n)*.*✓ demo answers/);
    const nodes = (await cluster.list<Node>(NODES)).items;
    expect(nodes.map(({ metadata }) => metadata.name)).toEqual(['gpu-1', 'gpu-2']);
    for (const node of nodes) {
      expect(node.metadata.labels).toMatchObject({ 'clops.dev/local': 'true' });
      expect(node.spec?.taints).toEqual([{ key: 'clops.dev/local', effect: 'NoSchedule' }]);
      expect(conditionOf(node, 'Ready')?.status).toBe('True');
    }
    expect(nodes.map((node) => (node.spec as { podCIDR?: string }).podCIDR)).toEqual(
      ['200', '201'].map((part) => `${lab.pods.replace('200', part)}.0/24`),
    );
    // The canary's first pod may be on its way, and have no address yet.
    const running = (await served()).filter(({ status }) => status?.podIP !== undefined);
    expect(running.length).toBeGreaterThanOrEqual(4);
    for (const { spec, status } of running) {
      const block = spec.nodeName === 'gpu-1' ? '200' : '201';
      expect(status?.podIP?.startsWith(`${lab.pods.replace('200', block)}.`)).toBe(true);
    }
    expect(await predicted()).toBeGreaterThan(0.5);
    expect(await lab.asShown(/KUBECONFIG=.* kubectl get .*/)).toMatch(/speech +modeldeployment\S*vad/);
    expect(await lab.clops('doctor')).toMatch(/nodes +2 of 2 ready/);
    expect(await lab.clops('nodes')).toMatch(/gpu-1.*NVIDIA-H200/);
  });

  it('brings the canary to its pause, with a share that was counted', async () => {
    await pausedAt(10);
    await eventually(
      async () => {
        const verified = (await vad()).status?.conditions?.find(({ type }) => type === 'TrafficVerified');
        expect(verified).toMatchObject({ status: 'True' });
        expect(verified?.message).toContain('10 % are intended');
      },
      { withinMs: 60_000, everyMs: 200 },
    );
  });

  it('shows logs to who may read them, through the API server and nobody else', async () => {
    const [pod] = await served();
    const { name } = pod?.metadata ?? { name: '' };
    const logs = ['-n', 'speech', 'logs', name, '-c', 'server'];
    expect(await kubernetes.kubectl(logs)).toContain('the model is ready');
    expect(await lab.clops('logs', 'vad', '--team', 'speech')).toContain('the model is ready');
    const following = spawn(pathOf('kubectl'), [...logs, '-f'], {
      env: { KUBECONFIG: kubernetes.kubeconfig, HOME: lab.dataDir },
    });
    const [first] = await new Promise<[Buffer]>((resolve) =>
      following.stdout.once('data', (chunk) => resolve([chunk])),
    );
    expect(String(first)).toContain('{');
    expect(following.exitCode).toBeNull();
    following.kill();

    const nobody = await kubernetes.as('nobody');
    await expect(kubernetes.kubectl(logs, { kubeconfig: nobody })).rejects.toThrow(
      /User "nobody" cannot get resource "pods/,
    );
    await kubernetes.kubectl(['create', 'clusterrole', 'kubelets', '--verb=get', '--resource=nodes/proxy']);
    await kubernetes.kubectl(['create', 'clusterrolebinding', 'kubelets', '--clusterrole=kubelets', '--group=readers']);
    const { status } = await cluster.get<Node>(NODES, pod?.spec.nodeName ?? '');
    const endpoint = {
      host: lab.address,
      port: status?.daemonEndpoints?.kubeletEndpoint.Port ?? 0,
      path: `/containerLogs/speech/${name}/server`,
    };
    const ask = (kubeconfig?: string): Promise<string> =>
      askNode(endpoint, kubeconfig === undefined ? {} : certificateIn(kubeconfig));
    expect(await ask(nobody)).toBe('403 Forbidden (user=nobody, verb=get, resource=nodes, subresource(s)=[proxy])\n');
    expect(await ask(await kubernetes.as('reader', ['readers']))).toMatch(/^200 \{/);
    await expect(ask()).rejects.toThrow();
  });

  it('runs nothing that was not meant for it, and says why, once', async () => {
    const marker = join(lab.dataDir, 'was-here');
    const template = (name: string, spec: object) => ({
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { tolerations: [{ operator: 'Exists' }], ...spec } },
    });
    const container = { name: 'main', image: 'busybox', command: ['touch', marker] };
    const metadata = (name: string) => ({ name, namespace: 'default' });
    const kind = { apiVersion: 'apps/v1' };
    await apply(
      { ...kind, kind: 'DaemonSet', metadata: metadata('all'), spec: template('all', { containers: [container] }) },
      {
        ...kind,
        kind: 'DaemonSet',
        metadata: metadata('bare'),
        spec: template('bare', { containers: [container], automountServiceAccountToken: false }),
      },
      {
        ...kind,
        kind: 'Deployment',
        metadata: metadata('again'),
        spec: { replicas: 1, ...template('again', { containers: [container] }) },
      },
    );
    const failed = await eventually(
      async () => {
        const found = (await pods('app in (all,again)', 'default')).filter(({ status }) => status?.phase === 'Failed');
        expect(found.length).toBeGreaterThan(0);
        return found;
      },
      { withinMs: 30_000 },
    );
    for (const { status } of failed)
      expect(status).toMatchObject({
        reason: 'VolumeNotServed',
        message: expect.stringContaining('set automountServiceAccountToken: false'),
      });
    await eventually(
      async () => {
        const bare = await pods('app=bare', 'default');
        expect(bare).toHaveLength(2);
        for (const { status } of bare) expect(JSON.stringify(status?.containerStatuses)).toContain('ErrImageNeverPull');
        // The first is failed at once; the one in its place waits, for its reason.
        const again = await pods('app=again', 'default');
        expect(again.map(({ status }) => [status?.phase, status?.reason]).sort()).toEqual([
          ['Failed', 'VolumeNotServed'],
          ['Pending', 'VolumeNotServed'],
        ]);
      },
      { withinMs: 30_000 },
    );
    expect(existsSync(marker)).toBe(false);
    await kubernetes.kubectl(['delete', 'daemonset/all', 'daemonset/bare', 'deployment/again']);
    await eventually(async () => expect(await pods('app in (all,bare,again)', 'default')).toEqual([]), {
      withinMs: 60_000,
    });
  });

  it('is promoted to its end', async () => {
    await lab.clops('promote', 'vad', '--team', 'speech');
    await pausedAt(50);
    await lab.clops('promote', 'vad', '--team', 'speech');
    await eventually(
      async () => expect((await vad()).status).toMatchObject({ phase: 'Healthy', stable: { version: 2 } }),
      { withinMs: 120_000, everyMs: 200 },
    );
    // What it took the place of is scaled down a while later.
    await eventually(async () => expect(await served()).toHaveLength(4), { withinMs: 60_000, everyMs: 200 });
  });

  const servers = (): number[] =>
    lab
      .processes()
      .filter(({ command }) => command.includes('model-server'))
      .map(({ pid }) => pid);

  it('goes on after its node process was killed, with the same pods, also while the API server is away', async () => {
    const before = servers();
    const killed = lab.child('node');
    await kubernetes.stopApiServer();
    process.kill(killed, 'SIGKILL');
    await eventually(() => expect(lab.said()).toContain('node is ready again.'), { withinMs: 30_000 });
    expect(lab.child('node')).not.toBe(killed);
    expect(servers()).toEqual(before);
    await kubernetes.startApiServer();
    await eventually(async () => expect(await predicted()).toBeGreaterThan(0.5), { withinMs: 30_000, everyMs: 200 });
    expect(servers()).toEqual(before);
  });

  it('leaves no orphan when all of it is killed: the next start takes over what serves', async () => {
    const before = servers();
    const node = lab.child('node');
    await lab.end(platform, 'SIGKILL');
    process.kill(node, 'SIGKILL');
    platform = await lab.start();
    await eventually(async () => expect(await predicted()).toBeGreaterThan(0.5), { withinMs: 30_000, everyMs: 200 });
    expect(servers()).toEqual(before);
    await lab.end(platform, 'SIGKILL');
    platform = await lab.start();
    expect(lab.said()).toContain('✓ node found running');
    await lab.end(platform, 'SIGKILL');
    const moved = { CLOPS_POD_CIDR: `${lab.pods}.0/23`, CLOPS_LOG_LEVEL: 'debug' };
    platform = await lab.start(moved);
    expect(lab.said()).toContain('✓ node ready');
  });

  it('ends with Ctrl-C: no process is left, the nodes say so, and a second start goes on', async () => {
    expect(await lab.end(platform, 'SIGINT')).toBe(130);
    expect(lab.processes()).toEqual([]);
    for (const node of (await cluster.list<Node>(NODES)).items)
      expect(conditionOf(node, 'Ready')).toMatchObject({ status: 'False', reason: 'NodeStopped' });
    platform = await lab.start();
    expect(lab.said()).toContain('✓ demo answers');
    expect(await predicted()).toBeGreaterThan(0.5);
    // One pod answers before all are there again.
    await eventually(async () => {
      expect((await vad()).status).toMatchObject({ phase: 'Healthy', stable: { version: 2 } });
      for (const node of (await cluster.list<Node>(NODES)).items)
        expect(conditionOf(node, 'Ready')?.status).toBe('True');
    });
    expect(await lab.end(platform, 'SIGINT')).toBe(130);
    expect(lab.processes()).toEqual([]);
  });
});

function certificateIn(kubeconfig: string): { cert: string; key: string } {
  const file = parse(readFileSync(kubeconfig, 'utf8')) as { users: { user: Record<string, string> }[] };
  const pem = (name: string): string => Buffer.from(file.users[0]?.user[name] ?? '', 'base64').toString();
  return { cert: pem('client-certificate-data'), key: pem('client-key-data') };
}
