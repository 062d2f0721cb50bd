/**
 * A controller in a process of its own, as it is delivered (from dist), to be frozen, killed or measured: `node
 * controllerProcess.mjs KUBECONFIG NAME`. It calls every pod the model that it should be. Ends by SIGTERM. In JavaScript,
 * because what strips types stays in memory and would be measured.
 */
import { startController } from '../../dist/controller/run.js';
import { silentLog } from '../../dist/lib/log.js';
import { createClientNodeCluster } from '../../dist/platform/cluster/clientNode.js';
import { createTrafficCounts } from '../../dist/platform/metrics/gateway.js';

const [kubeconfig = '', name = ''] = process.argv.slice(2);
const cluster = createClientNodeCluster({ kubeconfig, userAgent: `clops-controller/${name}` });
const controller = startController({
  cluster,
  traffic: createTrafficCounts(),
  log: silentLog,
  identity: name,
  probe: async () => true,
});
const alive = setInterval(() => {}, 1000);
process.once('SIGTERM', () => {
  clearInterval(alive);
  void controller.close().then(() => cluster.close());
});
