/** Every namespace has a ServiceAccount `default`, which pods name when they name none. */
import type { Outcome } from '../../lib/workqueue.ts';
import { isAlreadyExists, isNotFound } from '../../platform/cluster/port.ts';
import { SERVICEACCOUNTS } from '../../platform/cluster/resources.ts';
import { createQueue } from '../queue.ts';
import { type Context, type Controller, FIELD_MANAGER, isTerminating } from './context.ts';

export function startServiceAccountController(context: Context): Controller {
  const { cluster, caches } = context;
  const queue = createQueue(context, 'serviceaccount', sync);

  caches.namespaces.onChange(({ object }) => queue.add(object.metadata.name));
  caches.serviceAccounts.onChange(({ type, object }) => {
    if (type === 'deleted') queue.add(object.metadata.namespace ?? '');
  });

  async function sync(namespace: string): Promise<Outcome | undefined> {
    const found = caches.namespaces.get(namespace);
    if (!found || found.metadata.deletionTimestamp !== undefined) return undefined;
    if (caches.serviceAccounts.get(`${namespace}/default`)) return undefined;
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
    try {
      await cluster.create(SERVICEACCOUNTS, account, { fieldManager: FIELD_MANAGER });
    } catch (error) {
      if (!isAlreadyExists(error) && !isTerminating(error) && !isNotFound(error)) throw error;
    }
    return undefined;
  }

  return { close: () => queue.stop() };
}
