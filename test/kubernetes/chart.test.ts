/**
 * CLOps as a company runs it: the chart on a real cluster, the image in real pods under Pod Security `restricted`, a model
 * behind a real gateway. One installation is walked through from `helm install` to `helm uninstall`.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import type { ServingRuntime } from '../../src/contract/servingruntime.ts';
import type { ClusterPort, KubeObject } from '../../src/platform/cluster/port.ts';
import { CRDS, MODELDEPLOYMENTS, PODS, SERVINGRUNTIMES } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { missingPrograms } from './build/build.ts';
import { type Kubernetes, missingFor, startKubernetes } from './cluster.ts';
import { IMAGE, NAMESPACE, type Surroundings, surround } from './installation.ts';
import { isOnPath } from './parts/missing.ts';
import type { PodMonitor } from './parts/prometheus.ts';
import { refusedOf, rightsIn, unusedOf } from './rights.ts';

const OPTIONS = { nodes: 1, traefik: true, dns: true };
const CHART = 'deploy/chart';
const MODELS = 'node_modules/@ricky0123/vad-web/dist';
const unbuilt =
  missingPrograms(['chart']).length > 0 ? 'helm is not built yet: `npm run kubernetes:build`.' : undefined;
const unpacked = isOnPath('mmdebstrap') ? undefined : 'The image needs mmdebstrap: `apt-get install mmdebstrap`.';
const missing = missingFor(OPTIONS) ?? unbuilt ?? unpacked;
if (missing) console.warn(`Skipped: ${missing}`);

interface Pod extends KubeObject {
  spec: Record<string, unknown>;
  status: {
    phase: string;
    initContainerStatuses?: { lastState?: { terminated?: { message?: string } }; ready: boolean }[];
  };
}

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}
interface Answer {
  data: {
    result?: unknown[];
    groups?: { rules: { name: string; health: string; state: string }[] }[];
    activeTargets?: { health: string; lastError: string; scrapeUrl: string }[];
  };
}

describe.skipIf(missing)('the chart on a real cluster', () => {
  let kubernetes: Kubernetes;
  let around: Surroundings;
  let cluster: ClusterPort;
  let token = '';

  beforeAll(async () => {
    kubernetes = await startKubernetes(OPTIONS);
    cluster = kubernetes.port();
    around = await surround(kubernetes, ['speech']);
  }, 600_000);
  afterAll(async () => {
    await kubernetes?.stop();
    await around?.close();
  });

  const install = async (name: string, more: Record<string, unknown> = {}, verb = 'install'): Promise<string> => {
    const file = join(around.volume, '..', 'values.json');
    writeFileSync(file, JSON.stringify({ ...around.values, ...more }));
    return around.helm(verb, name, CHART, '-n', NAMESPACE, '-f', file, '--wait', '--timeout=240s');
  };
  const uninstall = (name: string): Promise<string> =>
    around.helm('uninstall', name, '-n', NAMESPACE, '--wait', '--timeout=240s');
  const clops = (...args: string[]): Promise<string> => around.clops(args, token);
  const deployment = (name: string): Promise<ModelDeployment> =>
    cluster.get<ModelDeployment>(MODELDEPLOYMENTS, name, 'speech');
  const pausedAt = (weight: number): Promise<void> =>
    eventually(
      async () => {
        const { status } = await deployment('vad');
        expect([status?.phase, status?.canary?.weight]).toEqual(['Paused', weight]);
      },
      { withinMs: 120_000 },
    );
  /** Which version answered each of so many requests through the gateway. */
  async function answers(count: number): Promise<Record<string, number>> {
    const body = readFileSync('examples/vad/request.json', 'utf8');
    const counted: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const response = await request(`${kubernetes.gateway}/speech/vad/v2/models/vad/infer`, { method: 'POST', body });
      const answer = (await response.body.json()) as { model_version?: string };
      const who = response.statusCode === 200 ? String(answer.model_version) : `HTTP ${response.statusCode}`;
      counted[who] = (counted[who] ?? 0) + 1;
    }
    return counted;
  }

  it('installs, and its own test passes', async () => {
    expect(await install('clops')).toContain('npx clops doctor');
    expect(await around.helm('test', 'clops', '-n', NAMESPACE, '--logs', '--timeout=200s')).toContain('"serverInfo"');
    token = Buffer.from(
      await kubernetes.kubectl(['-n', NAMESPACE, 'get', 'secret', 'clops', '-o', 'jsonpath={.data.token}']),
      'base64',
    ).toString();
    await expect(install('second')).rejects.toThrow('already, as release clops in namespace clops-system');
    const runtime = await cluster.get(SERVINGRUNTIMES, 'onnx');
    expect(JSON.stringify(runtime)).toContain(IMAGE);
  }, 500_000);

  it('serves a model from a pod that fetched and verified it, without a credential in its spec', async () => {
    await clops('teams', 'create', 'speech');
    for (const version of ['v5', 'v6'])
      await clops('models', 'push', `${MODELS}/silero_vad_${version}.onnx`, '--team', 'speech', '--name', 'vad');
    await clops('deploy', 'vad@1', '--team', 'speech', '--name', 'vad', '--replicas', '2', '--wait');
    await eventually(async () => expect(await answers(10)).toEqual({ 1: 10 }), { withinMs: 20_000 });
    const { items } = await cluster.list<Pod>(PODS, { namespace: 'speech' });
    expect(items).toHaveLength(2);
    expect(JSON.stringify(items.map(({ spec }) => spec))).not.toMatch(/signature=|expires=|clops_/);
  }, 400_000);

  it('walks a canary through its weights, also while the platform is being upgraded', async () => {
    await clops('deploy', 'vad@2', '--team', 'speech', '--name', 'vad', '--canary', '10,pause,50,pause');
    await pausedAt(10);
    await eventually(async () => expect(Object.keys(await answers(20))).toHaveLength(2), { withinMs: 20_000 });
    expect(await answers(100)).toEqual({ 1: 90, 2: 10 });
    const [during] = await Promise.all([answers(200), install('clops', { logLevel: 'debug' }, 'upgrade')]);
    expect(during).toEqual({ 1: 180, 2: 20 });
    expect((await deployment('vad')).status?.phase).toBe('Paused');
    await clops('promote', 'vad');
    await pausedAt(50);
    await eventually(async () => expect(await answers(20)).toEqual({ 1: 10, 2: 10 }), { withinMs: 20_000 });
    await clops('promote', 'vad');
    await eventually(async () => expect((await deployment('vad')).status?.stable?.version).toBe(2), {
      withinMs: 120_000,
    });
  }, 500_000);

  it.skipIf(!isOnPath('prometheus'))(
    'is seen by Prometheus as the chart asks for it',
    async () => {
      const sets = ['podMonitor', 'rules', 'dashboard'].map((name) => `--set=monitoring.${name}=true`);
      const what = [
        '--show-only=templates/monitoring.yaml',
        '--kube-version=1.34.0',
        '--set=database.existingSecret=x',
      ];
      const rendered = await around.helm('template', 'clops', CHART, `-n=${NAMESPACE}`, ...what, ...sets);
      const documents = parseAllDocuments(rendered).map((document) => document.toJS() as { kind: string } | null);
      const ofKind = <T>(kind: string): T[] => documents.filter((document) => document?.kind === kind) as T[];
      const monitors = ofKind<PodMonitor>('PodMonitor');
      const groups = ofKind<{ spec: { groups: object[] } }>('PrometheusRule').flatMap(({ spec }) => spec.groups);
      const url = await kubernetes.prometheus(monitors, { groups });
      const ask = async (path: string): Promise<Answer['data']> =>
        ((await (await fetch(url + path)).json()) as Answer).data;
      const panels = ofKind<{ data: Record<string, string> }>('ConfigMap')
        .flatMap(({ data }) => Object.values(data))
        .flatMap((dashboard) => (JSON.parse(dashboard) as Dashboard).panels);
      expect([monitors.length, groups.length, panels.length].every((count) => count > 0)).toBe(true);
      for (const { title, targets } of panels)
        for (const { expr } of targets)
          await eventually(
            async () => {
              await answers(5);
              const query = encodeURIComponent(expr.replaceAll('$deployment', 'vad'));
              const { result = [] } = await ask(`/api/v1/query?query=${query}`);
              // Nothing has failed, which is the one thing that makes no series.
              expect([title, result.length > 0 || /5\.\./.test(expr)]).toEqual([title, true]);
            },
            { withinMs: 60_000, everyMs: 500 },
          );
      const rules = (await ask('/api/v1/rules')).groups?.flatMap((group) => group.rules) ?? [];
      expect(rules.length).toBeGreaterThan(0);
      for (const { name, health, state } of rules)
        expect({ name, health, state }).toEqual({ name, health: 'ok', state: 'inactive' });
      const { activeTargets = [] } = await ask('/api/v1/targets?state=active');
      expect(activeTargets.filter(({ health }) => health !== 'up')).toEqual([]);
    },
    200_000,
  );

  it('goes back with the runtime, also from users that the cluster gives', async () => {
    const onnx = async () => (await cluster.get<ServingRuntime>(SERVINGRUNTIMES, 'onnx')).spec;
    const image = { tag: 'test', pullPolicy: 'IfNotPresent' };
    await install('clops', { image, runAsUser: 'any' }, 'upgrade');
    expect(await onnx()).toMatchObject({ container: { imagePullPolicy: 'IfNotPresent' } });
    expect((await onnx()).podSecurityContext).toEqual({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    await around.helm('rollback', 'clops', '-n', NAMESPACE, '--wait', '--timeout=240s');
    expect(await onnx()).toMatchObject({
      container: { imagePullPolicy: 'Never' },
      podSecurityContext: { runAsUser: 65532 },
    });
  }, 500_000);

  it('a pod whose bytes are wrong says so and never becomes ready', async () => {
    const folder = join(around.volume, 'artifacts', 'sha256');
    const digest = (await deployment('vad')).spec.model.artifact.digest.slice('sha256:'.length);
    const wrong =
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith(digest)) ?? '';
    const file = openSync(join(folder, wrong), 'r+');
    writeSync(file, 'x', 1000);
    closeSync(file);
    await clops('deploy', 'vad@2', '--team', 'speech', '--name', 'bad', '--replicas', '1');
    const said = await eventually(
      async () => {
        const [pod] = (
          await cluster.list<Pod>(PODS, { namespace: 'speech', labelSelector: 'clops.dev/deployment=bad' })
        ).items;
        const message = pod?.status.initContainerStatuses?.[0]?.lastState?.terminated?.message;
        if (!message) throw new Error('not yet');
        return message;
      },
      { withinMs: 120_000 },
    );
    expect(said).toMatch(
      /^digest of http:\/\/clops-api[.]clops-system[.]svc[.]cluster[.]local\/artifacts\/sha256:\w+ is sha256:\w+ but sha256:\w+ was expected$/,
    );
    const { status } = await deployment('bad');
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'ArtifactVerified', status: 'False' }));
  }, 200_000);

  it('goes and leaves the models serving, and comes back under another name', async () => {
    await uninstall('clops');
    expect(await answers(20)).toEqual({ 2: 20 });
    expect((await deployment('vad')).spec.replicas).toBe(2);
    const again = {
      gateway: { name: 'clops' },
      artifacts: { existingClaim: 'clops-artifacts' },
      uninstall: { models: 'delete' },
    };
    await install('again', again);
    expect(await answers(20)).toEqual({ 2: 20 });
  }, 500_000);

  it('goes and takes the models with it', async () => {
    await uninstall('again');
    const { items } = await cluster.list(PODS, { namespace: 'speech' });
    expect(items).toEqual([]);
    expect((await cluster.list(MODELDEPLOYMENTS)).items).toEqual([]);
    const crds = (await cluster.list(CRDS)).items.map(({ metadata }) => metadata.name);
    expect(crds).toContain('modeldeployments.serving.clops.dev');
  }, 400_000);

  it('was refused nothing by the API server, and used every right of the job that took them', async () => {
    const audit = kubernetes.audit();
    expect(refusedOf(audit)).toEqual([]);
    const job = await around.helm(
      'template',
      'again',
      CHART,
      `-n=${NAMESPACE}`,
      '--show-only=templates/uninstall.yaml',
      '--kube-version=1.34.0',
      '--set=database.existingSecret=x,gateway.create=true,gateway.className=traefik,uninstall.models=delete',
    );
    const rights = rightsIn(job); // those of the others: rights.test.ts
    expect(rights.map(({ role, verb }) => `${role} ${verb}`)).toEqual(
      ['list', 'watch', 'delete'].map((verb) => `uninstall ${verb}`),
    );
    expect(unusedOf(rights, audit)).toEqual([]);
  });
});
