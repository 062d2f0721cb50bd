/** Deploy, change and delete. Each changes what is wanted, in one transaction; the relay tells the cluster afterwards. */
import { and, eq, inArray, sql } from 'drizzle-orm';
import { load } from '../../graphql/batch.ts';
import { command } from '../../graphql/command.ts';
import { newId } from '../../lib/id.ts';
import { isProblems, Problems, problem, type Result } from '../../lib/problem.ts';
import { isUniqueViolation, type Tx } from '../../platform/db/db.ts';
import type { Effect } from '../../platform/events/operations.ts';
import { permit, teamsByName } from '../identity/index.ts';
import { type ModelRow, modelsByName, selectVersion, type VersionRow } from '../registry/index.ts';
import {
  inside,
  lockDeployment,
  modelAndVersion,
  moveDeployment,
  newestRevision,
  startRollout,
  type Who,
} from './change.ts';
import { deploymentsById, deploymentsByName } from './queries.ts';
import { type Change, changeOf, deleteRule, deployRule, resourcesAfter, updateRule } from './rules.ts';
import { chooseRuntime } from './runtime.ts';
import { addCommand } from './sentVerbs.ts';
import { type Changed, isSame, pick, revisionHash } from './spec.ts';
import { commands, type DeploymentRow, deployments, rollouts } from './tables.ts';

export const noSuch = (id: string): Problems =>
  problem(
    'NOT_FOUND',
    `There is no deployment with the id ${JSON.stringify(id.slice(0, 60))}. The list \`deployments\` has those that there are.`,
    ['deployment'],
  );

/** `field`: where the input names it. */
export const deletingProblem = (row: DeploymentRow, field: string): Problems =>
  problem('NOT_ALLOWED_NOW', `${row.name} is being deleted. Wait until it is gone.`, [field], {
    phase: 'DELETING',
    allowed: [],
  });

export const deployModel = command('deployModel', deployRule, async (ctx, input, run) => {
  const { change, problems } = changeOf(input);
  if (problems.length > 0) return new Problems(problems);
  const team = await load(ctx, teamsByName, input.team);
  permit(ctx, 'WRITE_DEPLOYMENT', team?.id ?? null);
  if (!team) return problem('NOT_FOUND', `There is no team ${JSON.stringify(input.team)}. Create it first.`, ['team']);
  const model = await load(ctx, modelsByName, `${team.name}/${input.model}`);
  if (!model)
    return problem(
      'NOT_FOUND',
      `Team ${team.name} has no model ${JSON.stringify(input.model)}. Create it first, or look among its \`models\`.`,
      ['model'],
    );
  const version = await selectVersion(ctx, model, input.version, ['version']);
  if (isProblems(version)) return version;
  const existing = await load(ctx, deploymentsByName, `${team.name}/${input.name}`);
  const runtime = chooseRuntime(ctx, version.format, change.runtime ?? existing?.runtime);
  if (isProblems(runtime)) return runtime;

  for (let attempt = 1; ; attempt++) {
    try {
      return await run(async (tx, operationId) => {
        const who: Who = { actorId: ctx.principal.actorId, operationId, at: new Date(ctx.clock.now()) };
        const [now] = await tx.q
          .select()
          .from(deployments)
          .where(
            and(
              eq(deployments.namespace, team.namespace),
              eq(deployments.name, input.name),
              sql`${deployments.goneAt} is null`,
            ),
          )
          .for('update');
        if (!now && (input.expectedGeneration ?? 0) !== 0)
          return problem(
            'CONFLICT',
            `There is no deployment ${input.name} yet: leave expectedGeneration out, or give 0, to create it.`,
            ['expectedGeneration'],
          );
        if (!now)
          return createDeployment(
            tx,
            { id: team.id, namespace: team.namespace, name: input.name },
            { model, version },
            { ...change, runtime },
            who,
          );
        return redeploy(tx, now, { model, version }, { ...change, runtime }, input.expectedGeneration, who, 'name');
      });
    } catch (error) {
      // Two first deploys of one name at the same moment: the second finds the row of the first.
      if (attempt === 1 && isUniqueViolation(error, 'deployments_name')) continue;
      throw error;
    }
  }
});

async function createDeployment(
  tx: Tx,
  { id: teamId, namespace, name }: { id: string; namespace: string; name: string },
  of: { model: ModelRow; version: VersionRow },
  change: Change & { runtime: string },
  who: Who,
): Promise<Effect> {
  const id = newId('Deployment');
  const wanted: Changed = {
    versionId: of.version.id,
    runtime: change.runtime,
    replicas: change.replicas ?? 1,
    resources: resourcesAfter({}, change.resources ?? {}),
    placement: {},
    strategy: change.strategy ?? null,
    paused: false,
  };
  await tx.q.insert(deployments).values({
    id,
    teamId,
    namespace,
    name,
    modelId: of.model.id,
    ...wanted,
    generation: 1,
    publishedGeneration: 0,
    operationId: who.operationId,
    openOperations: who.operationId ? [who.operationId] : [],
    phase: 'PENDING',
    status: {},
    createdAt: who.at,
    updatedAt: who.at,
    createdBy: who.actorId,
  });
  const hash = revisionHash({
    version: of.version,
    modelName: of.model.name,
    runtime: wanted.runtime,
    resources: wanted.resources,
    placement: wanted.placement,
  });
  const { rolloutId } = await startRollout(tx, { id, name, status: {} }, wanted, undefined, hash, who);
  await tx.q.update(deployments).set({ rolloutId }).where(eq(deployments.id, id));
  const about = [of.model.id, of.version.id];
  return {
    subjects: [id, rolloutId],
    state: 'ACCEPTED',
    events: [
      {
        type: 'deployment.created',
        subject: id,
        team: teamId,
        about,
        message: `${name} was created for version ${of.version.number} of ${of.model.name}`,
      },
      {
        type: 'rollout.requested',
        subject: rolloutId,
        team: teamId,
        about: [id, ...about],
        message: `Rollout of ${name} to version ${of.version.number} was asked for`,
        data: { revision: 1, version: of.version.number },
      },
    ],
  };
}

async function redeploy(
  tx: Tx,
  now: DeploymentRow,
  of: { model: ModelRow; version: VersionRow },
  change: Change,
  expectedGeneration: number | undefined,
  who: Who,
  /** Where the input names it: `name` of deployModel, `deployment` of updateDeployment. */
  field: 'name' | 'deployment',
): Promise<Result<Effect>> {
  if (now.deleteRequestedAt) return deletingProblem(now, field);
  if (now.modelId !== of.model.id) {
    return problem(
      'CONFLICT',
      `${now.name} serves another model. A deployment keeps its model: choose another name for the deployment, or that model.`,
      ['model'],
      { current: now },
    );
  }
  const stale = generationProblem(now, expectedGeneration);
  if (stale) return stale;
  const next = wantedAfter(now, change, of.version.id);
  const newest = await newestRevision(tx, now.id);
  const hash = revisionHash({
    version: of.version,
    modelName: of.model.name,
    runtime: next.runtime,
    resources: next.resources,
    placement: next.placement,
  });
  // Only who deploys asks for the version: scaling after an abort once brought the bad canary back.
  if (field === 'name' && newest?.hash === hash && now.rolloutId && (await mayStartOver(tx, now.rolloutId))) {
    // Asked for again after an abort: the same rollout starts over, which is what the verb Retry does.
    const command = await addCommand(tx, now, now.rolloutId, { verb: 'Retry', reason: 'deployed again' }, who);
    const moved = isSame(pick(now), next)
      ? { rolloutId: now.rolloutId, events: [] }
      : await moveDeployment(tx, now, next, of, who, false);
    return { subjects: [now.id, now.rolloutId], state: 'ACCEPTED', events: [...moved.events, command] };
  }
  if (isSame(pick(now), next))
    return { subjects: [now.id, ...(now.rolloutId ? [now.rolloutId] : [])], state: 'SUCCEEDED', events: [] };
  const moved = await moveDeployment(tx, now, next, of, who, false);
  const rolloutId = moved.rolloutId ?? moved.drivenId;
  return { subjects: [now.id, ...(rolloutId ? [rolloutId] : [])], state: 'ACCEPTED', events: moved.events };
}

/** It was aborted, and nobody has asked for another try yet. */
async function mayStartOver(tx: Tx, rolloutId: string): Promise<boolean> {
  const [rollout] = await tx.q.select().from(rollouts).where(eq(rollouts.id, rolloutId));
  if (rollout?.outcome !== 'ABORTED') return false;
  const open = and(
    eq(commands.rolloutId, rolloutId),
    eq(commands.verb, 'Retry'),
    inArray(commands.state, ['PENDING', 'PUBLISHED']),
  );
  return (await tx.q.select().from(commands).where(open)).length === 0;
}

function wantedAfter(now: DeploymentRow, change: Change, versionId: string): Changed {
  return {
    ...pick(now),
    versionId,
    ...(change.runtime !== undefined && { runtime: change.runtime }),
    ...(change.replicas !== undefined && { replicas: change.replicas }),
    ...(change.resources !== undefined && { resources: resourcesAfter(now.resources, change.resources) }),
    ...(change.strategy !== undefined && { strategy: change.strategy }),
  };
}

function generationProblem(now: DeploymentRow, expected: number | undefined): Problems | undefined {
  if (expected === undefined || expected === now.generation) return undefined;
  return problem(
    'CONFLICT',
    `${now.name} is at generation ${now.generation}, not ${expected}: somebody changed it meanwhile. Read it again.`,
    ['expectedGeneration'],
    { current: now },
  );
}

export const updateDeployment = command('updateDeployment', updateRule, async (ctx, input, run) => {
  const { change, problems } = changeOf(input);
  if (problems.length > 0) return new Problems(problems);
  const row = await load(ctx, deploymentsById, input.deployment);
  permit(ctx, 'WRITE_DEPLOYMENT', row?.teamId ?? null);

  return run(async (tx, operationId) => {
    const now = row && (await lockDeployment(tx, row.id));
    if (!now || now.goneAt) return noSuch(input.deployment);
    const of = await modelAndVersion(inside(ctx, tx), now);
    if (change.runtime !== undefined) {
      const runtime = chooseRuntime(ctx, of.version.format, change.runtime);
      if (isProblems(runtime)) return runtime;
    }
    const who: Who = { actorId: ctx.principal.actorId, operationId, at: new Date(ctx.clock.now()) };
    return redeploy(tx, now, of, change, input.expectedGeneration, who, 'deployment');
  });
});

export const deleteDeployment = command('deleteDeployment', deleteRule, async (ctx, input, run) => {
  const row = await load(ctx, deploymentsById, input.deployment);
  permit(ctx, 'WRITE_DEPLOYMENT', row?.teamId ?? null);

  return run(async (tx, operationId) => {
    const now = row && (await lockDeployment(tx, row.id));
    if (!now || now.goneAt) return noSuch(input.deployment);
    const stale = generationProblem(now, input.expectedGeneration);
    if (stale) return stale;
    if (now.deleteRequestedAt) return { subjects: [now.id], state: 'SUCCEEDED', events: [] };
    const at = new Date(ctx.clock.now());
    await tx.q
      .update(deployments)
      .set({
        deleteRequestedAt: at,
        updatedAt: at,
        generation: now.generation + 1,
        phase: 'DELETING',
        operationId,
        openOperations: [...now.openOperations, operationId],
      })
      .where(eq(deployments.id, now.id));
    return {
      subjects: [now.id],
      state: 'ACCEPTED',
      events: [
        {
          type: 'deployment.delete_requested',
          subject: now.id,
          team: now.teamId,
          message: `${now.name} is to be deleted`,
        },
      ],
    };
  });
});
