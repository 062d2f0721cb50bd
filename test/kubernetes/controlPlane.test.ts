/** Our definitions in front of the API server that judges them in the end, and the harness itself without nodes. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { CONFIGMAPS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { gatewayApiCrds, VERSION } from './build/build.ts';
import { findKubernetes, type Kubernetes, missingFor, startKubernetes } from './cluster.ts';
import { processOf } from './parts/processes.ts';

interface Crd {
  metadata: { name: string };
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

const missing = missingFor({});
if (missing) console.warn(`Skipped: ${missing}`);

describe.skipIf(missing)('a control plane', () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  const crd = async (name: string): Promise<Crd> =>
    JSON.parse(await kubernetes.kubectl(['get', 'crd', name, '-o', 'json'])) as Crd;
  const conditions = async (name: string): Promise<Record<string, string>> =>
    Object.fromEntries(((await crd(name)).status?.conditions ?? []).map(({ type, status }) => [type, status]));

  it('is the version that was asked for', async () => {
    expect(JSON.parse(await kubernetes.kubectl(['version', '-o', 'json']))).toMatchObject({
      serverVersion: { gitVersion: VERSION },
      clientVersion: { gitVersion: VERSION },
    });
  });

  it('accepts our custom resources: structural, and their rules cheap enough', async () => {
    await kubernetes.kubectl(['apply', '--server-side', '-f', 'deploy/crds']);
    const files = readdirSync('deploy/crds').map((file) => readFileSync(`deploy/crds/${file}`, 'utf8'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const { name } = (parse(file) as Crd).metadata;
      await eventually(async () => expect(await conditions(name)).toMatchObject({ Established: 'True' }));
      expect(await conditions(name)).not.toHaveProperty('NonStructuralSchema');
    }
  });

  it('accepts the Gateway API', async () => {
    await kubernetes.kubectl(['apply', '--server-side', '-f', await gatewayApiCrds()]);
    const name = 'httproutes.gateway.networking.k8s.io';
    await eventually(async () => expect(await conditions(name)).toMatchObject({ Established: 'True' }));
  });

  it('knows somebody by a certificate, refuses what no binding allows, and writes both down', async () => {
    const port = kubernetes.port(await kubernetes.as('some:body', ['some:group']));
    await expect(port.list(CONFIGMAPS, { namespace: 'default' })).rejects.toMatchObject({ status: { code: 403 } });
    await eventually(() => {
      const asked = kubernetes.audit().filter(({ user }) => user.username === 'some:body');
      expect(asked).toContainEqual(
        expect.objectContaining({
          verb: 'list',
          objectRef: expect.objectContaining({ resource: 'configmaps', namespace: 'default' }),
          responseStatus: expect.objectContaining({ code: 403 }),
        }),
      );
    });
  });

  it('keeps what it holds when its API server is killed', async () => {
    const port = kubernetes.port();
    const metadata = { name: 'kept', namespace: 'default' };
    await port.create(CONFIGMAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value: 'x' } });
    await kubernetes.stopApiServer();
    await expect(port.get(CONFIGMAPS, 'kept', 'default')).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    await kubernetes.startApiServer();
    expect(await port.get(CONFIGMAPS, 'kept', 'default')).toMatchObject({ data: { value: 'x' } });
  });

  it('leaves nothing when it is stopped, beside another that goes on', async () => {
    const other = await startKubernetes({ kwok: 0 });
    const port = createClientNodeCluster({ kubeconfig: kubernetes.kubeconfig, userAgent: 'test/1' });
    const pids = other.processes();
    expect(pids).toHaveLength(4);
    await other.stop();
    expect(pids.map(processOf).filter(Boolean)).toEqual([]);
    expect(findKubernetes(other.name)).toBeUndefined();
    expect((await port.list(CONFIGMAPS, { namespace: 'default' })).items.length).toBeGreaterThan(0);
    await port.close();
  });

  it('removes what a killed test has left, at the next start', async () => {
    const script = `
      const { startKubernetes } = await import(${JSON.stringify(`${import.meta.dirname}/cluster.ts`)});
      const { name } = await startKubernetes();
      process.stdout.write(name, () => process.kill(process.pid, 'SIGKILL'));`;
    const killed = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    const { stdout: name, signal } = await killed.then(
      ({ stdout }) => ({ stdout, signal: '' }),
      (error: { stdout: string; signal: string }) => error,
    );
    expect(signal).toBe('SIGKILL');
    const left = findKubernetes(name)?.processes() ?? [];
    expect(left).toHaveLength(4);
    const other = await startKubernetes();
    await other.stop();
    // Another test that starts a cluster at the same moment may be the one that removes it.
    await eventually(() => expect(findKubernetes(name)).toBeUndefined(), { withinMs: 30_000 });
    expect(left.map(processOf).filter(Boolean)).toEqual([]);
  });
});
