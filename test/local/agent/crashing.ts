/** A core and an agent in a process of their own, to be killed: `node crashing.ts <dataDir>`. Prints a line when it is ready. */
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { startAgent } from '../../../src/local/agent/index.ts';
import { createApi } from '../../../src/local/apiserver/handler.ts';
import { createInProcessCluster } from '../../../src/local/apiserver/inProcess.ts';
import { PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { aNode } from './aNode.ts';

const dataDir = process.argv[2] as string;
const cluster = createInProcessCluster(createApi({ dataDir, clock: systemClock, log: silentLog }), 'test/1');
await startAgent({ cluster, node: aNode(), images: {}, dataDir, log: silentLog });
for (const name of ['kept', 'deleted', 'ended'])
  await cluster.create(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'gpu-1',
      terminationGracePeriodSeconds: 5,
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: 'test',
          command: ['/bin/sh', '-c', 'trap "exit 7" USR1; echo begin; sleep 300 & wait'],
        },
      ],
    },
  });
await eventually(async () => {
  const { items } = await cluster.list(PODS);
  for (const { metadata, status } of items)
    if ((status as { phase?: string } | undefined)?.phase !== 'Running')
      throw new Error(`${metadata.name} does not run`);
});
// Time for the journal's batched fsync, so that what is killed is the agent and not its history.
setTimeout(() => console.log('ready'), 300);
setInterval(() => undefined, 60_000);
