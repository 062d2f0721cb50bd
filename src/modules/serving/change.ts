/** How a deployment's wanted state moves by one generation: the row, and with a new template a revision and a rollout. */
import { and, eq, sql } from 'drizzle-orm';
import type { StepSpec } from '../../contract/modeldeployment.ts';
import type { Ctx } from '../../graphql/context.ts';
import { newId } from '../../lib/id.ts';
import type { Tx } from '../../platform/db/db.ts';
import type { NewEvent } from '../../platform/events/append.ts';
import { type ModelRow, modelsById, type VersionRow, versionsById } from '../registry/index.ts';
import { phaseUntilSeen } from './phase.ts';
import { type Changed, isSame, revisionHash } from './spec.ts';
import { type DeploymentRow, deployments, type RevisionRow, revisions, rollouts } from './tables.ts';

export interface Who {
  actorId: string;
  operationId: string | null;
  at: Date;
  reason?: string | undefined;
  isRollback?: boolean;
}

/** The row, locked until the transaction ends. Whatever is decided on it must be decided after this. */
export async function lockDeployment(tx: Tx, id: string): Promise<DeploymentRow | undefined> {
  const [row] = await tx.q.select().from(deployments).where(eq(deployments.id, id)).for('update');
  return row;
}

/** A context whose readers read inside a transaction: a second connection could not be had while all of them hold one. */
export const inside = <C extends Pick<Ctx, 'db'>>(ctx: C, tx: Tx): C & { loaders: Ctx['loaders'] } => ({
  ...ctx,
  db: { ...ctx.db, read: tx.read },
  loaders: new Map(),
});

/** What a deployment serves, read in the transaction that holds its lock. */
export async function modelAndVersion(
  ctx: Ctx,
  { id, modelId, versionId }: Pick<DeploymentRow, 'id' | 'modelId' | 'versionId'>,
): Promise<{ model: ModelRow; version: VersionRow }> {
  const [[model], [version]] = [await modelsById(ctx, [modelId]), await versionsById(ctx, [versionId])];
  if (!model || !version) throw new Error(`deployment ${id} has lost its version`);
  return { model, version };
}

export async function newestRevision(tx: Tx, deploymentId: string): Promise<RevisionRow | undefined> {
  const [row] = await tx.q
    .select()
    .from(revisions)
    .where(eq(revisions.deploymentId, deploymentId))
    .orderBy(sql`${revisions.number} desc`)
    .limit(1);
  return row;
}

export interface Moved {
  row: DeploymentRow;
  /** The one that it started. */
  rolloutId: string | null;
  /** The one that goes on by other steps. */
  drivenId: string | null;
  events: Omit<NewEvent, 'actor' | 'operation'>[];
}

/**
 * Writes the next generation. `published` is set when the change came from the cluster: it is there already.
 * A template with another hash than the newest revision's starts a rollout.
 */
export async function moveDeployment(
  tx: Tx,
  before: DeploymentRow,
  next: Changed,
  of: { model: ModelRow; version: VersionRow },
  who: Who,
  published: boolean,
): Promise<Moved> {
  const generation = before.generation + 1;
  const newest = await newestRevision(tx, before.id);
  const hash = revisionHash({
    version: of.version,
    modelName: of.model.name,
    runtime: next.runtime,
    resources: next.resources,
    placement: next.placement,
  });
  const events: Moved['events'] = [];
  const about = [of.model.id, of.version.id];
  let rolloutId: string | null = null;
  if (newest?.hash !== hash) {
    const started = await startRollout(tx, before, next, newest, hash, who);
    rolloutId = started.rolloutId;
    const message = `Rollout of ${before.name} to version ${of.version.number} was asked for`;
    events.push({
      type: 'rollout.requested',
      subject: rolloutId,
      team: before.teamId,
      about: [before.id, ...about],
      message,
      data: { revision: started.number, version: of.version.number, ...(who.reason && { reason: who.reason }) },
    });
  }
  const changed = {
    ...next,
    modelId: of.model.id,
    generation,
    ...(published && { publishedGeneration: generation }),
    operationId: who.operationId,
    ...(who.operationId && { openOperations: [...before.openOperations, who.operationId] }),
    ...(rolloutId && { rolloutId }),
    phase: phaseUntilSeen(before.phase),
    updatedAt: who.at,
  };
  await tx.q.update(deployments).set(changed).where(eq(deployments.id, before.id));
  const drivenId = rolloutId ? null : await changeWalk(tx, before, next);
  const what = differences(before, next);
  if (what.length > 0 || !rolloutId) {
    const message = `${before.name}: ${what.map(({ text }) => text).join(', ') || 'applied again'}`;
    events.push({
      type: 'deployment.updated',
      subject: before.id,
      team: before.teamId,
      about,
      message,
      data: { generation, fields: what.map(({ field }) => field), ...(who.reason && { reason: who.reason }) },
    });
  }
  return { row: { ...before, ...changed }, rolloutId, drivenId, events };
}

/**
 * The walk of a rollout that has not ended, or may be tried again, is the one that is wanted now. Answers the one that goes
 * on by it, which says so until the controller does: the answer to a deploy was a name once, and nothing else.
 */
async function changeWalk(tx: Tx, { rolloutId, status }: DeploymentRow, next: Changed): Promise<string | null> {
  const [row] = await tx.q
    .select()
    .from(rollouts)
    .where(and(eq(rollouts.id, rolloutId ?? ''), sql`coalesce(${rollouts.outcome}, 'ABORTED') = 'ABORTED'`));
  const steps = stepsOf(next);
  if (!row || isSame(row.steps, steps)) return null;
  const { rollout, stable } = status;
  const hasBegun = row.number !== null && rollout?.number === row.number;
  // Past its steps it stays past them; the first one has none to walk.
  const goesBy = !row.outcome && !rollout?.abort && (!hasBegun || (stable !== undefined && !rollout.fast));
  const words = steps.length > 0 ? 'its walk begins again' : 'it goes on without them';
  await tx.q
    .update(rollouts)
    .set({ steps, ...(goesBy && hasBegun && { message: `Its steps were changed: ${words}.` }) })
    .where(eq(rollouts.id, row.id));
  return goesBy ? row.id : null;
}

export async function startRollout(
  tx: Tx,
  deployment: Pick<DeploymentRow, 'id' | 'name' | 'status'>,
  next: Changed,
  newest: RevisionRow | undefined,
  hash: string,
  who: Who,
): Promise<{ rolloutId: string; revisionId: string; number: number }> {
  const number = (newest?.number ?? 0) + 1;
  const revisionId = newId('Revision');
  const rolloutId = newId('Rollout');
  const { versionId, runtime, resources, placement } = next;
  const { stable, canary, rollout } = deployment.status;
  // What is on its way ends with this one, whatever is asked for: the list alone said so.
  const ended = rollout && !rollout.outcome && rollout.hash !== hash ? canary : undefined;
  // Asked for during its canary, what is stable ends that: the way goes back from there.
  const left = stable?.hash === hash ? canary : undefined;
  const from = await newestOfHash(tx, deployment.id, (left ?? stable)?.hash);
  await tx.q.insert(revisions).values({
    id: revisionId,
    deploymentId: deployment.id,
    number,
    hash,
    versionId,
    runtime,
    resources,
    placement,
    createdAt: who.at,
    createdBy: who.actorId,
  });
  await tx.q.insert(rollouts).values({
    id: rolloutId,
    deploymentId: deployment.id,
    number: null,
    fromRevisionId: from?.id ?? null,
    toRevisionId: revisionId,
    startedAt: who.at,
    startedBy: who.actorId,
    phase: 'PENDING',
    message: `${ended ? `Ends the rollout to version ${ended.version}. ` : ''}Not begun yet: the cluster has still to take it.`,
    reason: who.reason ?? null,
    stepIndex: 0,
    steps: stepsOf(next),
    stepTimes: {},
    weight: 0,
    pausedBeforeSeconds: 0,
    isRollback: who.isRollback ?? false,
    operationId: who.operationId,
  });
  return { rolloutId, revisionId, number };
}

const stepsOf = ({ strategy }: Pick<Changed, 'strategy'>): StepSpec[] => strategy?.canary?.steps ?? [];

export async function newestOfHash(
  tx: Tx,
  deploymentId: string,
  hash: string | undefined,
): Promise<RevisionRow | undefined> {
  if (hash === undefined) return undefined;
  const [row] = await tx.q
    .select()
    .from(revisions)
    .where(and(eq(revisions.deploymentId, deploymentId), eq(revisions.hash, hash)))
    .orderBy(sql`${revisions.number} desc`)
    .limit(1);
  return row;
}

function differences(before: Changed, next: Changed): { field: string; text: string }[] {
  const list: { field: string; text: string }[] = [];
  if (before.replicas !== next.replicas)
    list.push({ field: 'replicas', text: `replicas ${before.replicas} → ${next.replicas}` });
  if (before.paused !== next.paused) list.push({ field: 'paused', text: next.paused ? 'paused' : 'resumed' });
  if (JSON.stringify(before.strategy) !== JSON.stringify(next.strategy))
    list.push({ field: 'strategy', text: 'strategy changed' });
  if (before.runtime !== next.runtime)
    list.push({ field: 'runtime', text: `runtime ${before.runtime} → ${next.runtime}` });
  if (JSON.stringify(before.resources) !== JSON.stringify(next.resources))
    list.push({ field: 'resources', text: 'resources changed' });
  if (JSON.stringify(before.placement) !== JSON.stringify(next.placement))
    list.push({ field: 'placement', text: 'placement changed' });
  return list;
}
