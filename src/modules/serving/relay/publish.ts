/**
 * Row → custom resource. Publishes the row as it is now, whatever event woke it: late, repeated and reordered wake-ups are
 * harmless. Only a generation that the cluster has not been told is published, so an edit with kubectl stands until
 * somebody changes the row again; when both moved, the later write stands and the other is an event.
 */
import { eq, sql } from 'drizzle-orm';
import type { ModelDeployment } from '../../../contract/modeldeployment.ts';
import { ANNOTATIONS, API_VERSION, LABELS, RELAY_MANAGER } from '../../../contract/names.ts';
import { isConflict, isNotFound, type KubeObject } from '../../../platform/cluster/port.ts';
import { MODELDEPLOYMENTS, NAMESPACES } from '../../../platform/cluster/resources.ts';
import { columns, statement } from '../../../platform/db/db.ts';
import { lockDeployment } from '../change.ts';
import { specOf } from '../spec.ts';
import { type DeploymentRow, deployments } from '../tables.ts';
import { takeLaterEdit } from './edits.ts';
import { publishOperations } from './operations.ts';
import { liveResource, type Parts } from './parts.ts';
import { orNoteRefusal } from './refusal.ts';
import { type Editor, hasOwnGateway, isEdited, isLinked, lastEditor } from './resource.ts';
import { writeSecret } from './secrets.ts';

interface Loaded extends DeploymentRow {
  modelName: string;
  number: number;
  format: string;
  digest: string;
  sizeBytes: number;
  teamName: string;
}

const selectForPublishing = statement<Loaded>(
  'deploymentForPublishing',
  `select ${columns(deployments, 'd')}, m.name as "modelName", v.number, v.format, v.digest, v.size_bytes as "sizeBytes", t.name as "teamName"
   from clops.deployments d join clops.models m on m.id = d.model_id join clops.model_versions v on v.id = d.version_id
   join clops.teams t on t.id = d.team_id where d.id = $1 and d.gone_at is null`,
);

/** Brings the cluster up to the row. Afterwards the resource is worth a look, whether or not it changed. */
export async function publishRow(parts: Parts, { id, namespace, name }: DeploymentRow): Promise<void> {
  const { db } = parts.services;
  if ((await parts.home.check()) === 'foreign') return;
  // The resource first, then the row: two relays that publish at once cannot put the older row over the newer one.
  const live = await liveResource(parts, { namespace, name });
  const [row] = await db.read(selectForPublishing, [id]);
  if (!row || row.publishedGeneration >= row.generation) return;
  if (row.deleteRequestedAt) return orNoteRefusal(parts, row, () => publishDeletion(parts, row));
  if (row.uid !== null && live?.metadata.uid !== row.uid) return; // deleted past the API: who looks at it says so
  let overruled: Editor | undefined;
  if (live && row.uid === null && !isLinked(row, live)) overruled = lastEditor(live);
  if (live && isEdited(row, live)) {
    overruled = lastEditor(live);
    if (overruled.at > row.updatedAt && (await takeLaterEdit(parts, id, live))) return;
  }
  await orNoteRefusal(parts, row, () => publishSpec(parts, row, live, overruled));
}

async function publishSpec(
  parts: Parts,
  row: Loaded,
  live: ModelDeployment | undefined,
  overruled: Editor | undefined,
): Promise<void> {
  const { db, events, cluster } = parts.services;
  const apply = <T extends KubeObject>(resource: typeof NAMESPACES, object: KubeObject): Promise<T> =>
    cluster.port.apply<T>(resource, object, { fieldManager: RELAY_MANAGER, force: true });
  const labels = { [LABELS.managedBy]: 'clops', [ANNOTATIONS.team]: row.teamName };
  await apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: row.namespace, labels } });
  await writeSecret(parts, row);
  const { metadata } = await apply<ModelDeployment>(MODELDEPLOYMENTS, resourceOf(parts, row, live));
  const actor = overruled ? await parts.actor(overruled.name) : '';
  await db.tx(async (tx) => {
    const now = await lockDeployment(tx, row.id);
    if (!now) return;
    await tx.q
      .update(deployments)
      .set({
        publishedGeneration: sql`greatest(${deployments.publishedGeneration}, ${row.generation})`,
        resourceGeneration: sql`greatest(${deployments.resourceGeneration}, ${metadata.generation ?? 0})`,
        uid: metadata.uid ?? null,
      })
      .where(eq(deployments.id, row.id));
    await publishOperations(tx, row.openOperations);
    if (!overruled) return;
    const message = `${row.name}: what ${overruled.name} changed in the cluster was overruled by generation ${row.generation}, which was asked for later`;
    const data = { generation: row.generation, by: overruled.name };
    await events.append(tx, [
      { type: 'deployment.edit_overruled', subject: row.id, team: row.teamId, actor, message, data },
    ]);
  });
}

function resourceOf({ services }: Parts, row: Loaded, live: ModelDeployment | undefined): KubeObject {
  const version = { number: row.number, format: row.format, digest: row.digest, sizeBytes: row.sizeBytes };
  const { artifactsUrl, gateway } = services.settings;
  const platforms = live && hasOwnGateway(live) ? undefined : gateway;
  return {
    apiVersion: API_VERSION,
    kind: 'ModelDeployment',
    metadata: {
      name: row.name,
      namespace: row.namespace,
      ...(live?.metadata.resourceVersion && { resourceVersion: live.metadata.resourceVersion }),
      labels: { [LABELS.managedBy]: 'clops', [LABELS.name]: row.name },
      annotations: {
        [ANNOTATIONS.id]: row.id,
        [ANNOTATIONS.generation]: String(row.generation),
        ...(row.operationId && { [ANNOTATIONS.operation]: row.operationId }),
        ...(row.rolloutId && { [ANNOTATIONS.rollout]: row.rolloutId }),
        ...(row.rolloutsBefore > 0 && { [ANNOTATIONS.rolloutsBefore]: String(row.rolloutsBefore) }),
      },
    },
    spec: specOf(row, version, row.modelName, { artifactsUrl, gateway: platforms }),
  };
}

async function publishDeletion(parts: Parts, row: Loaded): Promise<void> {
  const { db, cluster } = parts.services;
  const uid = row.uid ?? (await uidOfOurs(parts, row));
  try {
    if (uid)
      await cluster.port.delete(MODELDEPLOYMENTS, row.name, row.namespace, { propagationPolicy: 'Background', uid });
  } catch (error) {
    // Another uid: somebody has deleted ours and made another, which is not to be touched.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
  await db.tx(async (tx) => {
    await tx.q.update(deployments).set({ publishedGeneration: row.generation }).where(eq(deployments.id, row.id));
    await publishOperations(tx, row.openOperations);
  });
}

/** Of a resource that was made by a relay which ended before the row could say so. Another's under this name is not ours. */
async function uidOfOurs(parts: Parts, row: Loaded): Promise<string | undefined> {
  const live = await liveResource(parts, row);
  return live && isLinked(row, live) ? live.metadata.uid : undefined;
}
