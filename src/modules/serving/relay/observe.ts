/**
 * Custom resource → row. Takes in what the controller reports and what people changed with kubectl; decides under the
 * row's lock, so that two relays, a restart or a relist write every event once.
 */
import { and, eq, isNull } from 'drizzle-orm';
import { toUpperSnake } from '../../../contract/enums.ts';
import type {
  ModelDeployment,
  ModelDeploymentStatus,
  RolloutOutcome,
  RolloutStatus,
} from '../../../contract/modeldeployment.ts';
import { ANNOTATIONS, CONTROLLER_MANAGER, RELAY_MANAGER } from '../../../contract/names.ts';
import type { Services } from '../../../graphql/context.ts';
import { newId } from '../../../lib/id.ts';
import { MODELDEPLOYMENTS } from '../../../platform/cluster/resources.ts';
import { columns, statement, type Tx } from '../../../platform/db/db.ts';
import { operations } from '../../../platform/events/tables.ts';
import { ensureActor } from '../../identity/index.ts';
import type { ModelRow, VersionRow } from '../../registry/index.ts';
import { models, modelVersions } from '../../registry/tables.ts';
import { lockDeployment, moveDeployment, startRollout } from '../change.ts';
import { isSame, revisionHash, wantedOf } from '../spec.ts';
import { type DeploymentRow, deployments, type RolloutRow, revisions, rollouts } from '../tables.ts';
import { endedEvent, happeningsBetween } from './happenings.ts';
import { markGone } from './publish.ts';

const selectByResource = statement<DeploymentRow>(
  'deploymentOfResource',
  `select ${columns(deployments, 'd')} from clops.deployments d where (d.id = $1 or (d.namespace = $2 and d.name = $3)) and d.gone_at is null`,
);
const selectModelVersion = statement<{ teamId: string; modelId: string; modelName: string } & VersionRow>(
  'versionOfResource',
  `select t.id as "teamId", m.id as "modelId", m.name as "modelName", ${columns(modelVersions, 'v')} from clops.teams t join clops.models m on m.team_id = t.id
   join clops.model_versions v on v.model_id = m.id where t.namespace = $1 and m.name = $2 and v.number = $3 and v.digest = $4`,
);
const selectModel = statement<ModelRow>(
  'modelOfDeployment',
  `select ${columns(models, 'm')} from clops.models m where m.id = $1`,
);

export interface Observer {
  /** `namespace/name` of a ModelDeployment that changed, or is gone. */
  observe(key: string): Promise<void>;
}

export function createObserver({
  services,
  controllerActorId,
}: {
  services: Services;
  controllerActorId: string;
}): Observer {
  const { db, events, clock, cluster, log } = services;

  async function observe(key: string): Promise<void> {
    const md = cluster.deployments.get(key);
    const [namespace = '', name = ''] = key.split('/');
    const [row] = await db.read(selectByResource, [
      md?.metadata.annotations?.[ANNOTATIONS.id] ?? null,
      namespace,
      name,
    ]);
    if (!md) {
      if (row?.uid && row.publishedGeneration > 0) await markGone(services, row.id, await systemActor('kubectl'));
      return;
    }
    if (!row) await adopt(md);
    else {
      await takeEdit(row.id, md);
      await takeStatus(row.id, md);
    }
  }

  const systemActor = async (name: string): Promise<string> => (await ensureActor(db, 'SYSTEM', name)).id;

  /** Made with kubectl: a row of its own when its model version is known, else it runs without a node in the graph. */
  async function adopt(md: ModelDeployment): Promise<void> {
    const { namespace = '', name, uid } = md.metadata;
    const version = await knownVersion(md);
    if (!version) {
      log.warn({ namespace, name }, 'a ModelDeployment serves a model version that the registry does not know');
      return;
    }
    const actorId = await systemActor(lastEditor(md));
    const at = new Date(clock.now());
    const wanted = { ...wantedOf(md.spec), versionId: version.id };
    const who = { actorId, operationId: null, at };
    const id = newId('Deployment');
    const rolloutId = await db.tx(async (tx) => {
      await tx.q.insert(deployments).values({
        id,
        teamId: version.teamId,
        namespace,
        name,
        modelId: version.modelId,
        ...wanted,
        generation: 1,
        publishedGeneration: 1,
        uid: uid ?? null,
        phase: 'PENDING',
        status: {},
        createdAt: at,
        updatedAt: at,
        createdBy: actorId,
      });
      const hash = revisionHash({ version, modelName: version.modelName, ...wanted });
      const started = await startRollout(tx, { id, name }, wanted, undefined, hash, who);
      await tx.q.update(deployments).set({ rolloutId: started.rolloutId }).where(eq(deployments.id, id));
      await events.append(tx, [
        {
          type: 'deployment.adopted',
          subject: id,
          team: version.teamId,
          actor: actorId,
          about: [version.modelId, version.id],
          message: `${name} was made in the cluster by ${lastEditor(md)} and is taken into the graph`,
        },
      ]);
      return started.rolloutId;
    });
    await annotate(md, { [ANNOTATIONS.id]: id, [ANNOTATIONS.generation]: '1', [ANNOTATIONS.rollout]: rolloutId });
  }

  async function knownVersion(md: ModelDeployment) {
    const { model } = md.spec;
    const [version] = await db.read(selectModelVersion, [
      md.metadata.namespace,
      model.name,
      model.version,
      model.artifact.digest,
    ]);
    return version;
  }

  /** What another manager wants now becomes the next generation, by that manager. */
  async function takeEdit(id: string, md: ModelDeployment): Promise<void> {
    const version = await knownVersion(md);
    const editor = lastEditor(md);
    const annotated = Number(md.metadata.annotations?.[ANNOTATIONS.generation] ?? 0);
    const edited = (row: DeploymentRow): boolean =>
      // The cache may show a state older than what was published, or the row may be ahead: then the row is published, not the edit taken.
      (annotated === row.publishedGeneration &&
        row.publishedGeneration === row.generation &&
        !isSame(wantedOf(md.spec), wantedPart(row))) ||
      (version !== undefined &&
        annotated === row.generation &&
        row.publishedGeneration === row.generation &&
        version.id !== row.versionId);
    const [seen] = await db.read(selectByResource, [id, '', '']);
    if (!seen || !edited(seen)) return;
    if (!version) {
      log.warn({ id, name: seen.name }, 'an edit names a model version that the registry does not know');
      return;
    }
    const actorId = await systemActor(editor);
    const moved = await db.tx(async (tx) => {
      const now = await lockDeployment(tx, id);
      if (!now || now.deleteRequestedAt || !edited(now)) return undefined;
      const [model] = await tx.read(selectModel, [now.modelId]);
      if (!model) return undefined;
      const who = { actorId, operationId: null, at: new Date(clock.now()) };
      const result = await moveDeployment(
        tx,
        now,
        { ...wantedOf(md.spec), versionId: version.id },
        { model, version },
        who,
        true,
      );
      await events.append(
        tx,
        result.events.map((event) => ({ ...event, actor: actorId })),
      );
      return result;
    });
    if (!moved) return;
    await annotate(md, {
      [ANNOTATIONS.generation]: String(moved.row.generation),
      ...(moved.rolloutId && { [ANNOTATIONS.rollout]: moved.rolloutId }),
    });
  }

  const annotate = (md: ModelDeployment, annotations: Record<string, string>) =>
    cluster.port.patch(
      MODELDEPLOYMENTS,
      md.metadata.name,
      md.metadata.namespace,
      'merge',
      { metadata: { annotations } },
      { fieldManager: RELAY_MANAGER },
    );

  async function takeStatus(id: string, md: ModelDeployment): Promise<void> {
    const status = md.status;
    if (!status) return;
    await db.tx(async (tx) => {
      const row = await lockDeployment(tx, id);
      if (!row || row.goneAt) return;
      await settleOperation(tx, row, md);
      if (isSame(row.status, status) && row.uid === md.metadata.uid) return;
      const current = status.rollout && (await rolloutRow(tx, row, status.rollout, status));
      if (current && status.rollout) await writeRollout(tx, current, status.rollout, status);
      await closeOthers(tx, row, status, current?.id);
      const phase = row.deleteRequestedAt ? 'DELETING' : toUpperSnake(status.phase ?? 'Pending');
      await tx.q
        .update(deployments)
        .set({ status, phase, uid: md.metadata.uid ?? null })
        .where(eq(deployments.id, id));
      const happenings = happeningsBetween(row.name, row.status, status);
      await events.append(
        tx,
        happenings.map(({ of, type, message, data }) => ({
          type,
          message,
          data,
          subject: of === 'rollout' && current ? current.id : id,
          about: [id],
          team: row.teamId,
          actor: controllerActorId,
          operation: row.operationId,
        })),
      );
    });
  }

  /** The rollout that the controller means: by its id, its number, or as the one that was asked for and has not begun. */
  async function rolloutRow(
    tx: Tx,
    row: DeploymentRow,
    rollout: RolloutStatus,
    status: ModelDeploymentStatus,
  ): Promise<RolloutRow> {
    const mine = eq(rollouts.deploymentId, row.id);
    const [byId] = rollout.id
      ? await tx.q
          .select()
          .from(rollouts)
          .where(and(mine, eq(rollouts.id, rollout.id)))
      : [];
    if (byId) return byId;
    const [byNumber] = await tx.q
      .select()
      .from(rollouts)
      .where(and(mine, eq(rollouts.number, rollout.number)));
    if (byNumber) return byNumber;
    const [waiting] = await tx.q
      .select({ rollout: rollouts })
      .from(rollouts)
      .innerJoin(revisions, eq(revisions.id, rollouts.toRevisionId))
      .where(and(mine, isNull(rollouts.number), eq(revisions.hash, rollout.hash)));
    if (waiting) return waiting.rollout;
    // Begun past the API: minted here, keyed by its number.
    const target = status.canary?.hash === rollout.hash ? status.canary : status.stable;
    const [known] = await tx.q
      .select()
      .from(revisions)
      .where(and(eq(revisions.deploymentId, row.id), eq(revisions.hash, rollout.hash)));
    const { versionId, runtime, resources, placement, replicas, strategy, paused } = row;
    const who = { actorId: controllerActorId, operationId: null, at: new Date(rollout.startedAt) };
    const newest = known
      ? { ...known, number: Math.max(known.number, (target?.revision ?? known.number + 1) - 1) }
      : undefined;
    const { rolloutId } = await startRollout(
      tx,
      row,
      { versionId: known?.versionId ?? versionId, runtime, resources, placement, replicas, strategy, paused },
      newest,
      rollout.hash,
      who,
    );
    const [minted] = await tx.q.select().from(rollouts).where(eq(rollouts.id, rolloutId));
    return minted as RolloutRow;
  }

  async function writeRollout(
    tx: Tx,
    row: RolloutRow,
    rollout: RolloutStatus,
    status: ModelDeploymentStatus,
  ): Promise<void> {
    const {
      number,
      phase,
      message,
      stepIndex,
      stepStartedAt,
      startedAt,
      pausedAt,
      pausedBeforeSeconds,
      outcome,
      finishedAt,
      abort,
    } = rollout;
    await tx.q
      .update(rollouts)
      .set({
        number,
        phase: toUpperSnake(phase),
        message: message ?? '',
        stepIndex,
        stepTimes: { ...row.stepTimes, [String(stepIndex)]: stepStartedAt ?? new Date(clock.now()).toISOString() },
        startedAt: new Date(startedAt),
        weight:
          status.canary?.hash === rollout.hash
            ? status.canary.weight
            : status.stable?.hash === rollout.hash
              ? status.stable.weight
              : 0,
        pausedAt: pausedAt ? new Date(pausedAt) : null,
        pausedBeforeSeconds: Math.round(pausedBeforeSeconds ?? 0),
        outcome: outcome ? toUpperSnake(outcome) : null,
        finishedAt: finishedAt ? new Date(finishedAt) : outcome ? new Date(clock.now()) : null,
        abort: abort ?? null,
      })
      .where(eq(rollouts.id, row.id));
  }

  /** Rollouts that ended without being seen at the end: the history says how. */
  async function closeOthers(
    tx: Tx,
    row: DeploymentRow,
    status: ModelDeploymentStatus,
    currentId: string | undefined,
  ): Promise<void> {
    const open = await tx.q
      .select()
      .from(rollouts)
      .where(and(eq(rollouts.deploymentId, row.id), isNull(rollouts.outcome)));
    for (const rollout of open) {
      if (rollout.id === currentId || rollout.id === row.rolloutId) continue;
      const entry = status.history?.find(
        (one) => one.id === rollout.id || (rollout.number !== null && one.number === rollout.number),
      );
      const outcome = entry?.outcome ?? 'Superseded';
      await tx.q
        .update(rollouts)
        .set({ ...endOf(rollout, outcome), finishedAt: entry ? new Date(entry.finishedAt) : new Date(clock.now()) })
        .where(eq(rollouts.id, rollout.id));
      const about = { subject: rollout.id, about: [row.id], team: row.teamId, actor: controllerActorId };
      await events.append(tx, [{ ...endedEvent(row.name, rollout.number, outcome), ...about }]);
    }
  }

  /** The controller has looked at what the operation wanted. */
  async function settleOperation(tx: Tx, row: DeploymentRow, md: ModelDeployment): Promise<void> {
    const operation = md.metadata.annotations?.[ANNOTATIONS.operation];
    if (!operation || operation !== row.operationId || md.status?.observedGeneration !== md.metadata.generation) return;
    await tx.q
      .update(operations)
      .set({ state: 'SUCCEEDED' })
      .where(and(eq(operations.id, operation), eq(operations.state, 'PUBLISHED')));
  }

  return { observe };
}

function endOf({ message }: RolloutRow, outcome: RolloutOutcome): Pick<RolloutRow, 'outcome' | 'phase' | 'message'> {
  const ended = toUpperSnake(outcome);
  if (outcome === 'Superseded')
    return { outcome: ended, phase: 'SUPERSEDED', message: 'A newer rollout took its place.' };
  if (outcome === 'Aborted') return { outcome: ended, phase: 'ABORTED', message };
  return { outcome: ended, phase: 'HEALTHY', message: 'What it brought became stable.' };
}

const wantedPart = ({ replicas, paused, strategy, runtime, resources, placement }: DeploymentRow) => ({
  replicas,
  paused,
  strategy,
  runtime,
  resources,
  placement,
});

/** Who last wrote the resource, apart from ourselves: `kubectl-client-side-apply` is kubectl. */
function lastEditor(md: ModelDeployment): string {
  const entries = (md.metadata.managedFields ?? []).filter(
    ({ manager, subresource }) =>
      subresource !== 'status' && manager !== RELAY_MANAGER && manager !== CONTROLLER_MANAGER,
  );
  const newest = entries.reduce((a, b) => ((a?.time ?? '') > (b.time ?? '') ? a : b), entries[0]);
  return newest?.manager.startsWith('kubectl') ? 'kubectl' : (newest?.manager ?? 'kubectl');
}
