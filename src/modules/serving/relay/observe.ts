/** One ModelDeployment that changed, or is gone: which row it is, and what is to be taken from it. */
import { columns, statement } from '../../../platform/db/db.ts';
import { type DeploymentRow, deployments } from '../tables.ts';
import { adopt, takeEdit } from './edits.ts';
import { markGone } from './gone.ts';
import { liveResource, type Parts } from './parts.ts';
import { takeStatus } from './takeStatus.ts';

/** By name and never by the annotation: a manifest that was copied carries the id of another. */
const selectByResource = statement<DeploymentRow>(
  'deploymentOfResource',
  `select ${columns(deployments, 'd')} from clops.deployments d where d.namespace = $1 and d.name = $2 and d.gone_at is null`,
);

/** `key` is `namespace/name`. */
export async function observe(parts: Parts, key: string): Promise<void> {
  const { db, cluster } = parts.services;
  const [namespace = '', name = ''] = key.split('/');
  const [row] = await db.read(selectByResource, [namespace, name]);
  const md = cluster.deployments.get(key);
  if (!row) {
    if (md && !md.metadata.deletionTimestamp) await adopt(parts, md);
  } else if (row.uid === null) {
    if (row.deleteRequestedAt && row.publishedGeneration >= row.generation) await look(parts, row);
    // Else its first publication is on the way, and comes back here.
  } else if (md?.metadata.uid === row.uid) {
    try {
      await takeEdit(parts, row, md);
    } finally {
      // A Secret that cannot be written (somebody's own, a rule of the cluster) is tried again, and hides nothing of this.
      await takeStatus(parts, row.id, md);
    }
  } else {
    await look(parts, row);
  }
}

/** The cache has not what the row stands for. A cache may be behind: only the API server's own word ends a deployment. */
async function look(parts: Parts, row: DeploymentRow): Promise<void> {
  const live = await liveResource(parts, row);
  if (live?.metadata.uid === row.uid) return;
  // Asked after it: what another cluster has not says nothing.
  if ((await parts.home.check()) !== 'same') return;
  await markGone(parts, row);
  if (live && !live.metadata.deletionTimestamp) await adopt(parts, live);
}
