/** The API server as a whole: certificates, core, HTTPS listener and the kubeconfig files that lead to it. */
import { join } from 'node:path';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ClusterPort } from '../../platform/cluster/port.ts';
import { openFront } from './front.ts';
import { createApi } from './handler.ts';
import { createInProcessCluster } from './inProcess.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { CLIENTS, type ClientName, openPki } from './pki.ts';
import { createServing } from './serving.ts';

export interface ApiServerOptions {
  /** State is kept in `<dataDir>/cluster`, the administrator's kubeconfig is `<dataDir>/kubeconfig`. */
  dataDir: string;
  /** 0 takes a free port. */
  port: number;
  bind: string;
  log: Log;
  clock?: Clock;
}

export interface ApiServer {
  /** `https://127.0.0.1:6443` */
  url: string;
  /** The administrator's. The node's and the controller's are `<dataDir>/cluster/{node,controller}.kubeconfig`. */
  kubeconfigPath: string;
  /** The port without a network, for controllers of this process. */
  cluster: ClusterPort;
  /** Ends watches, lets calls under way finish, writes what is not on disk yet. */
  close(): Promise<void>;
}

export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { dataDir, port, bind, log, clock = systemClock } = options;
  const folder = join(dataDir, 'cluster');
  const pki = await openPki({ dir: join(folder, 'pki'), bind });
  const core = createApi({ dataDir, clock, log });
  const serving = createServing({ api: core, client: pki.clients.apiserver, clock, log });
  const cluster = createInProcessCluster({ ...core, handle: serving.handle });
  try {
    const front = await openFront({ serving, pki, bind, port, log, clock });
    const kubeconfigPath = join(dataDir, 'kubeconfig');
    const write = (path: string, client: ClientName): Promise<void> =>
      writeKubeconfig({ path, url: front.url, ca: pki.ca, user: CLIENTS[client].name, client: pki.clients[client] });
    await write(kubeconfigPath, 'admin');
    await write(join(folder, 'node.kubeconfig'), 'node');
    await write(join(folder, 'controller.kubeconfig'), 'controller');
    log.info({ url: front.url, kubeconfig: kubeconfigPath }, 'the local Kubernetes API is ready');
    return {
      url: front.url,
      kubeconfigPath,
      cluster,
      async close() {
        await front.close();
        serving.close();
        await core.close();
      },
    };
  } catch (error) {
    serving.close();
    await core.close();
    throw error;
  }
}
