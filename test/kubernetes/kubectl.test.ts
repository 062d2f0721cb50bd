/** kubectl as a stranger: the same lines on the local cluster and on a real one, and the same words. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { startCluster } from '../../src/local/cluster.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { run, type Spoken } from '../contract/cluster/kubectl/run.ts';
import { SCRIPT } from '../contract/cluster/kubectl/script.ts';
import { openLab } from '../contract/cluster/lab.ts';
import { pathOf } from './build/build.ts';
import { missingFor, startKubernetes } from './cluster.ts';

const missing = missingFor({});
if (missing) console.warn(`test/kubernetes/kubectl.test.ts is skipped: ${missing}`);

/** Where the words may differ, and why. Each must differ: one that no longer does is taken out. */
const ACCEPTED: Readonly<Record<string, string>> = {
  'kubectl describe ns speech': 'quotas and limit ranges are not served, so kubectl says nothing of them',
  'kubectl get endpointslices -n speech': 'a slice is named by its port set and not at random',
  'kubectl get gatewayclasses': 'the Gateway API is built in, and comes to a real cluster by its definitions',
};

/** What each line of the script says in a cluster. */
async function saidIn(kubeconfig: string): Promise<Spoken[]> {
  const home = await mkdtemp(join(tmpdir(), 'clops-kubectl-'));
  const port = createClientNodeCluster({ kubeconfig, userAgent: 'clops-test/1' });
  const lab = openLab({ port, kubeconfig, stop: () => port.close() });
  try {
    await lab.installCrds();
    return await run({ program: pathOf('kubectl'), kubeconfig, home }, SCRIPT);
  } finally {
    await lab.close();
    await rm(home, { recursive: true });
  }
}

describe.skipIf(missing)('kubectl', () => {
  test('says the same of the local cluster and of a real one', { timeout: 600_000 }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'clops-kubectl-'));
    const local = await startCluster({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
    const here = await saidIn(local.kubeconfigPath).finally(() => local.close());
    await rm(dataDir, { recursive: true });
    const kubernetes = await startKubernetes();
    const there = await saidIn(kubernetes.kubeconfig).finally(() => kubernetes.stop());

    const differing: string[] = [];
    for (const [at, { line, said }] of there.entries()) {
      if (line in ACCEPTED) {
        if (JSON.stringify(said) !== JSON.stringify(here[at]?.said)) differing.push(line);
      } else expect.soft(here[at]?.said, line).toEqual(said);
    }
    expect(differing).toEqual(Object.keys(ACCEPTED));
  });
});
