/** The contract of the cluster port over a real API server with its controllers; `-u` records its answers anew. */
import { describe } from 'vitest';
import { describeCluster } from '../contract/cluster/index.ts';
import { missingFor, startKubernetes } from './cluster.ts';

const missing = missingFor({});
if (missing) console.warn(`test/kubernetes/contract.test.ts is skipped: ${missing}`);

describe.skipIf(missing)('Kubernetes', () => {
  describeCluster(
    'a real Kubernetes',
    async () => {
      const kubernetes = await startKubernetes();
      return {
        port: kubernetes.port(),
        kubeconfig: kubernetes.kubeconfig,
        tooOld: async () => '1', // of before there were any, and so before its cache of them began
        stop: () => kubernetes.stop(),
      };
    },
    { real: true },
  );
});
