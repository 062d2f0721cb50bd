/** The role "cluster": API server, controllers and scheduler in one process, joined by the port without a network. */
import { type ApiServer, type ApiServerOptions, startApiServer } from './apiserver/index.ts';
import { startControllers } from './controllers/index.ts';
import { startScheduler } from './scheduler/index.ts';

export type ClusterOptions = ApiServerOptions;
export type LocalCluster = ApiServer;

/** Resolves when the API answers; controllers and scheduler catch up on their own. */
export async function startCluster(options: ClusterOptions): Promise<LocalCluster> {
  const server = await startApiServer(options);
  const { log, clock } = options;
  const parts = { cluster: server.cluster, log, ...(clock && { clock }) };
  const controllers = startControllers(parts);
  const scheduler = startScheduler(parts);
  return {
    ...server,
    async close() {
      await Promise.all([controllers.close(), scheduler.close()]);
      await server.close();
    },
  };
}
