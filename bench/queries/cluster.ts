/** Pods and GPU nodes for the seeded deployments, in the local API server's core. */
import pg from 'pg';
import { LABELS } from '../../src/contract/names.ts';
import type { ClusterPort, KubeObject } from '../../src/platform/cluster/port.ts';
import { NAMESPACES, NODES, PODS } from '../../src/platform/cluster/resources.ts';

export async function seedCluster(cluster: ClusterPort, url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ namespace: string; name: string; hash: string; replicas: number }>(
    'select d.namespace, d.name, r.hash, d.replicas from clops.deployments d join clops.revisions r on r.deployment_id = d.id',
  );
  await client.end();
  for (const name of new Set(rows.map((row) => row.namespace))) {
    await cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  for (let i = 0; i < 500; i++) {
    const status = {
      capacity: { cpu: '64', memory: '512Gi', 'nvidia.com/gpu': '8' },
      allocatable: { cpu: '64', memory: '512Gi', 'nvidia.com/gpu': '8' },
    };
    await cluster.create(NODES, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: `gpu-${i}`, labels: { 'nvidia.com/gpu.product': 'NVIDIA-H200' } },
      status,
    } as KubeObject);
  }
  let count = 0;
  for (const { namespace, name, hash, replicas } of rows) {
    for (let i = 0; i < replicas; i++) {
      const labels = { [LABELS.deployment]: name, [LABELS.revision]: hash };
      const spec = { nodeName: `gpu-${count++ % 500}`, containers: [{ name: 'server', image: 'x' }] };
      await cluster.create(PODS, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `${name}-${hash}-${i}`, namespace, labels },
        spec,
      } as KubeObject);
    }
  }
}
