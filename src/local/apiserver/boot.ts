/** What every cluster has from its first moment. */
import { randomUUID } from 'node:crypto';
import { type Core, timeOf } from './core.ts';

const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

export function boot({ store, clock }: Core): void {
  for (const name of NAMESPACES) {
    if (store.get('namespaces', undefined, name)) continue;
    store.put('namespaces', {
      kind: 'Namespace',
      apiVersion: 'v1',
      metadata: {
        name,
        uid: randomUUID(),
        creationTimestamp: timeOf(clock.now()),
        labels: { 'kubernetes.io/metadata.name': name },
      },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  }
}
