/**
 * A controller in a process of its own, to be frozen and killed: `node controllerProcess.ts KUBECONFIG NAME`. It calls every
 * pod the model that it should be. Ends by SIGTERM.
 */
import { startController } from '../../src/controller/run.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';

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
