/**
 * The roles of the chart held against the audit log, both ways: a release's life is walked through, with what is seldom done,
 * by API, relay, controller and install with the rights of deploy/base. No right may be left unused, no request be refused.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { silentLog } from '../../src/lib/log.ts';
import { type ClusterPort, isNotFound, type KubeObject, type Resource } from '../../src/platform/cluster/port.ts';
import {
  CONTROLLERREVISIONS,
  DEPLOYMENTS,
  MODELDEPLOYMENTS,
  ROLLOUTCOMMANDS,
  SECRETS,
} from '../../src/platform/cluster/resources.ts';
import { startEmbeddedPostgres } from '../../src/platform/db/embedded.ts';
import { freePort } from '../../src/platform/process/ports.ts';
import { eventually } from '../support/eventually.ts';
import { MAIN } from '../support/program.ts';
import { gatewayApiCrds } from './build/build.ts';
import { missingFor } from './cluster.ts';
import { type KubernetesLab, startKubernetesLab } from './controllerLab.ts';
import { run } from './parts/run.ts';
import { asRole, refusedOf, rightsIn, unusedOf } from './rights.ts';

const MODELS = 'node_modules/@ricky0123/vad-web/dist';
const OF_VAD = { namespace: 'vision', labelSelector: 'clops.dev/deployment=vad' };
const missing = missingFor({ kwok: 1 });
if (missing) console.warn(`Skipped: ${missing}`);

describe.skipIf(missing)('the rights of the roles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'clops-rights-'));
  const running: ChildProcess[] = [];
  let lab: KubernetesLab;
  let cluster: ClusterPort;
  let postgres: { url: string; stop(): Promise<void> };
  let url = '';
  let token = '';

  beforeAll(async () => {
    chmodSync(folder, 0o711); // root's Postgres runs as another user
    lab = await startKubernetesLab({ gatewayApi: false });
    cluster = lab.cluster;
    await lab.kubernetes.kubectl(['apply', '--server-side', '-f', await gatewayApiCrds()]);
    await lab.kubernetes.kubectl(['taint', 'nodes', '--all', 'kwok.x-k8s.io/node-']); // for pods that tolerate nothing
    postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log: silentLog });
  });
  afterAll(async () => {
    await Promise.all(running.map(ended));
    await lab?.close();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(role: string, kubeconfig: string, more: NodeJS.ProcessEnv, args: string[] = []): ChildProcess {
    const env = {
      PATH: process.env['PATH'],
      HOME: folder,
      NO_COLOR: '1',
      CLOPS_CLUSTER: 'external',
      CLOPS_DATA_DIR: join(folder, role),
      KUBECONFIG: kubeconfig,
      ...more,
    };
    const child = spawn(process.execPath, [MAIN, role, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    running.push(child);
    return child;
  }
  const clops = (...args: string[]): Promise<string> =>
    run([process.execPath, 'bin/clops.js', ...args], {
      env: { PATH: process.env['PATH'], HOME: folder, NO_COLOR: '1', CLOPS_URL: url, CLOPS_TOKEN: token },
    });
  const deployment = (name: string, namespace = 'speech'): Promise<ModelDeployment> =>
    cluster.get<ModelDeployment>(MODELDEPLOYMENTS, name, namespace);
  const soon = { withinMs: 60_000, everyMs: 200 };
  const gone = (resource: Resource, name: string, namespace: string): Promise<void> =>
    eventually(
      () => expect(cluster.get(resource, name, namespace).then(() => false, isNotFound)).resolves.toBe(true),
      soon,
    );

  it('install makes the definitions, the runtimes and the Secret', async () => {
    const child = start('install', await asRole(lab.kubernetes, 'install'), {}, [
      '--image=a.invalid/a:1',
      '--secret=clops',
    ]);
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
    await lab.installGateway();
    const secret = await cluster.get<KubeObject & { data: Record<string, string> }>(SECRETS, 'clops', 'clops-system');
    mkdirSync(join(folder, 'secrets'));
    for (const [name, value] of Object.entries(secret.data))
      writeFileSync(join(folder, 'secrets', name), Buffer.from(value, 'base64'));
    token = readFileSync(join(folder, 'secrets', 'token'), 'utf8').trim();
  });

  it('API, relay and controller serve a model, in a namespace that the relay makes, and walk a canary', async () => {
    const [api, relay] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${api}`;
    const common = { CLOPS_SECRETS_DIR: join(folder, 'secrets'), DATABASE_URL: postgres.url, CLOPS_URL: url };
    start('api', await asRole(lab.kubernetes, 'api'), { ...common, CLOPS_HTTP_PORT: `${api}` });
    start('relay', await asRole(lab.kubernetes, 'relay'), { ...common, CLOPS_HTTP_PORT: `${relay}` });
    await lab.start('first');
    for (const port of [api, relay])
      await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200), soon);
    await clops('teams', 'create', 'vision');
    for (const version of ['v5', 'v6'])
      await clops('models', 'push', `${MODELS}/silero_vad_${version}.onnx`, '--team', 'vision', '--name', 'vad');
    await clops('deploy', 'vad@1', '--team', 'vision', '--name', 'vad', '--replicas', '1', '--wait');
    await clops('deploy', 'vad@2', '--team', 'vision', '--name', 'vad', '--canary', '50,pause');
    await eventually(async () => expect((await deployment('vad', 'vision')).status?.phase).toBe('Paused'), soon);
    await clops('promote', 'vad');
    await eventually(async () => expect((await deployment('vad', 'vision')).status?.stable?.version).toBe(2), soon);
    await clops('logs', 'vad').catch(() => {}); // nobody runs what pretends to be a pod
  });

  it('what is seldom done: a revision too many, a model that nobody knows, commands by hand, an end', async () => {
    await cluster.patch(MODELDEPLOYMENTS, 'vad', 'vision', 'merge', { spec: { revisionHistoryLimit: 0 } });
    const { endpoint: _, ...spec } = (await deployment('vad', 'vision')).spec; // its path is the name
    const stranger = { apiVersion: 'serving.clops.dev/v1alpha1', kind: 'ModelDeployment' };
    await cluster.create(MODELDEPLOYMENTS, {
      ...stranger,
      metadata: { name: 'stranger', namespace: 'vision' },
      spec: { ...spec, model: { ...spec.model, name: 'unheard-of' }, replicas: 0 },
    } as KubeObject);
    await eventually(
      async () =>
        expect((await deployment('stranger', 'vision')).status?.conditions).toContainEqual(
          expect.objectContaining({ type: 'Adopted', status: 'False' }),
        ),
      soon,
    );
    for (const name of ['nobody', 'vad']) {
      await cluster.create(ROLLOUTCOMMANDS, {
        apiVersion: 'serving.clops.dev/v1alpha1',
        kind: 'RolloutCommand',
        metadata: { name: `for-${name}`, namespace: 'vision' },
        spec: { deployment: name, rollout: 99, verb: 'Promote' },
      } as KubeObject);
      await eventually(async () => {
        const { status } = await cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, `for-${name}`, 'vision');
        expect(status?.state).toBe('Refused');
      }, soon);
    }
    const yesterday = { status: { handledAt: new Date(Date.now() - 86_400_000).toISOString() } };
    await cluster.patch(ROLLOUTCOMMANDS, 'for-vad', 'vision', 'merge', yesterday, { subresource: 'status' });
    await gone(ROLLOUTCOMMANDS, 'for-vad', 'vision');
    // What was stable is scaled down a while after; then it goes, and its revision with it.
    await eventually(async () => expect((await cluster.list(DEPLOYMENTS, OF_VAD)).items).toHaveLength(1), soon);
    await eventually(async () => expect((await cluster.list(CONTROLLERREVISIONS, OF_VAD)).items).toHaveLength(1), soon);
    await clops('deployments', 'delete', 'vad', '--yes');
    await gone(SECRETS, 'vad-artifact', 'vision');
  });

  it('were all used, and none was wanting', async () => {
    const rights = rightsIn(readFileSync('deploy/base/platform.yaml', 'utf8'));
    expect(rights.length).toBeGreaterThan(70);
    expect(refusedOf(lab.kubernetes.audit())).toEqual([]);
    await eventually(() => expect(unusedOf(rights, lab.kubernetes.audit())).toEqual([]), {
      withinMs: 45_000,
      everyMs: 1000,
    });
  });
});

function ended(child: ChildProcess): Promise<unknown> | undefined {
  if (child.exitCode !== null || child.signalCode) return undefined;
  child.kill('SIGTERM');
  return new Promise((resolve) => child.once('exit', resolve));
}
