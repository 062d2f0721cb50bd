/**
 * What people do in the cluster, past the API, taken into the graph: a spec that another manager wrote becomes the next
 * generation, by that manager; a resource made with kubectl becomes a deployment. Nothing is fought.
 */
import { eq } from 'drizzle-orm';
import type { ModelDeployment } from '../../../contract/modeldeployment.ts';
import { ANNOTATIONS, RELAY_MANAGER } from '../../../contract/names.ts';
import { newId } from '../../../lib/id.ts';
import { isNotFound } from '../../../platform/cluster/port.ts';
import { MODELDEPLOYMENTS } from '../../../platform/cluster/resources.ts';
import { isUniqueViolation } from '../../../platform/db/db.ts';
import { lockDeployment, moveDeployment, startRollout } from '../change.ts';
import { type Changed, isSame, pick, revisionHash, wantedOf } from '../spec.ts';
import { type DeploymentRow, deployments } from '../tables.ts';
import { type Known, knownVersion, tellKnown, tellUnknown } from './known.ts';
import { closeOperations } from './operations.ts';
import { liveResource, type Parts } from './parts.ts';
import { annotatedGeneration, isEdited, isLinked, lastEditor } from './resource.ts';
import { writeSecret } from './secrets.ts';

const wantedBy = (md: ModelDeployment, { version }: Known): Changed => ({
  ...wantedOf(md.spec),
  versionId: version.id,
});

/** Made with kubectl: a row of its own when its model version is known, else it runs without a node in the graph. */
export async function adopt(parts: Parts, md: ModelDeployment): Promise<void> {
  const { db, events, clock } = parts.services;
  const { namespace = '', name, uid = null, generation = 1 } = md.metadata;
  // A cache that is behind still shows what was just deleted.
  const live = await liveResource(parts, { namespace, name });
  if (live?.metadata.uid !== uid || live?.metadata.deletionTimestamp) return;
  if ((await parts.home.check()) === 'foreign') return;
  const known = await knownVersion(parts.ctx, md);
  if (typeof known === 'string') return tellUnknown(parts, md, known);
  const { team, model, version } = known;
  const { name: editor } = lastEditor(md);
  const who = { actorId: await parts.actor(editor), operationId: null, at: new Date(clock.now()) };
  const wanted = wantedBy(md, known);
  const id = newId('Deployment');
  try {
    await db.tx(async (tx) => {
      await tx.q.insert(deployments).values({
        id,
        teamId: team.id,
        namespace,
        name,
        modelId: model.id,
        ...wanted,
        generation: 1,
        publishedGeneration: 1,
        openOperations: [],
        uid,
        resourceGeneration: generation,
        phase: 'PENDING',
        status: {},
        createdAt: who.at,
        updatedAt: who.at,
        createdBy: who.actorId,
      });
      const hash = revisionHash({ version, modelName: model.name, ...wanted });
      const { rolloutId } = await startRollout(tx, { id, name, status: {} }, wanted, undefined, hash, who);
      await tx.q.update(deployments).set({ rolloutId }).where(eq(deployments.id, id));
      await events.append(tx, [
        {
          type: 'deployment.adopted',
          subject: id,
          team: team.id,
          actor: who.actorId,
          about: [model.id, version.id],
          message: `${name} was made in the cluster by ${editor} and is taken into the graph`,
        },
      ]);
    });
  } catch (error) {
    // Asked for through the API at the same moment: that row is published over it.
    if (!isUniqueViolation(error, 'deployments_name')) throw error;
    return;
  }
  await finish(parts, { id, namespace, name, generation: 1 }, md);
}

/** Takes an edit, unless the row has moved too: then the publisher finds out which of the two was written later. */
export async function takeEdit(parts: Parts, row: DeploymentRow, md: ModelDeployment): Promise<void> {
  if (row.deleteRequestedAt || row.publishedGeneration < row.generation) return;
  const edited = isEdited(row, md);
  if (!edited && (md.metadata.generation !== row.resourceGeneration || isNoted(row, md))) return;
  if ((await parts.home.check()) === 'foreign') return;
  if (!edited) return finish(parts, row, md);
  const known = await knownVersion(parts.ctx, md);
  if (typeof known === 'string') await tellUnknown(parts, md, known);
  else await take(parts, row.id, md, known, false);
}

/** Both have moved and the edit was the later one. False when the registry does not know what the edit names. */
export async function takeLaterEdit(parts: Parts, id: string, md: ModelDeployment): Promise<boolean> {
  const known = await knownVersion(parts.ctx, md);
  if (typeof known === 'string') return false;
  await take(parts, id, md, known, true);
  return true;
}

async function take(parts: Parts, id: string, md: ModelDeployment, known: Known, isLater: boolean): Promise<void> {
  const { db, events, clock } = parts.services;
  const { name: editor } = lastEditor(md);
  const actorId = await parts.actor(editor);
  const row = await db.tx(async (tx) => {
    const now = await lockDeployment(tx, id);
    if (!now || now.deleteRequestedAt || now.goneAt || !isEdited(now, md)) return undefined;
    // Moved since it was read: the publisher finds out, as above.
    if (!isLater && now.publishedGeneration < now.generation) return undefined;
    const resourceGeneration = md.metadata.generation ?? 0;
    const next = wantedBy(md, known);
    if (isSame(pick(now), next) && now.publishedGeneration === now.generation) {
      await tx.q.update(deployments).set({ resourceGeneration }).where(eq(deployments.id, id));
      return now;
    }
    const who = { actorId, operationId: null, at: new Date(clock.now()) };
    const moved = await moveDeployment(tx, now, next, known, who, true);
    await tx.q.update(deployments).set({ resourceGeneration }).where(eq(deployments.id, id));
    const told = moved.events;
    if (now.publishedGeneration < now.generation) {
      const message = `${now.name}: ${editor} changed it in the cluster after generation ${now.generation} was asked for; what ${editor} wrote stands`;
      const data = { generation: now.generation, by: editor };
      const about = { subject: id, team: now.teamId };
      told.push({ type: 'deployment.change_overruled', ...about, message, data });
      await closeOperations(tx, now, now.openOperations, `Overruled: ${editor} changed it in the cluster afterwards.`);
    }
    await events.append(
      tx,
      told.map((event) => ({ ...event, actor: actorId })),
    );
    return moved.row;
  });
  if (row) await finish(parts, row, md);
}

/** Harmless to repeat, and repeated until it is done: the next look finds annotations that do not fit. */
async function finish(
  parts: Parts,
  row: Pick<DeploymentRow, 'id' | 'namespace' | 'name' | 'generation'>,
  md: ModelDeployment,
): Promise<void> {
  await writeSecret(parts, row);
  await tellKnown(parts, md);
  await note(parts, row, md);
}

const isNoted = (row: DeploymentRow, md: ModelDeployment): boolean =>
  isLinked(row, md) && annotatedGeneration(md) === row.generation;

async function note(
  { services }: Parts,
  { id, generation }: Pick<DeploymentRow, 'id' | 'generation'>,
  { metadata }: ModelDeployment,
): Promise<void> {
  const annotations = { [ANNOTATIONS.id]: id, [ANNOTATIONS.generation]: String(generation) };
  const patch = { metadata: { uid: metadata.uid, annotations } };
  try {
    await services.cluster.port.patch(MODELDEPLOYMENTS, metadata.name, metadata.namespace, 'merge', patch, {
      fieldManager: RELAY_MANAGER,
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
