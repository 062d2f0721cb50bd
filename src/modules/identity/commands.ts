import { z } from 'zod';
import { isName, LABELS, NAME_RULE } from '../../contract/names.ts';
import { command } from '../../graphql/command.ts';
import type { Ctx } from '../../graphql/context.ts';
import { textRule } from '../../lib/check.ts';
import { newId } from '../../lib/id.ts';
import { problem } from '../../lib/problem.ts';
import { isNotFound } from '../../platform/cluster/port.ts';
import { NAMESPACES } from '../../platform/cluster/resources.ts';
import { type Db, isUniqueViolation } from '../../platform/db/db.ts';
import { permit } from './permit.ts';
import { teamsByName } from './queries.ts';
import { type ActorRow, actors, teams } from './tables.ts';

export const nameRule = z
  .string()
  .refine(isName, { message: `The name ${NAME_RULE}.`, params: { constraint: 'name' } });
export const keyRule = textRule(200).min(1).optional();

const createTeamRule = z.object({
  name: nameRule,
  displayName: textRule(200).trim().min(1).optional(),
  idempotencyKey: keyRule,
});

/** Namespaces that belong to Kubernetes or to the platform. */
const RESERVED = /^(kube-.*|default|clops-system)$/;

export const createTeam = command('createTeam', createTeamRule, async (ctx, input, run) => {
  permit(ctx, 'MANAGE_PLATFORM', null);
  const { name } = input;
  if (RESERVED.test(name)) {
    return problem(
      'NAME_TAKEN',
      `"${name}" is the name of a namespace that belongs to the cluster. Choose another name.`,
      ['name'],
      { existing: null },
    );
  }
  const [existing] = await teamsByName(ctx, [name]);
  // Two that meet with one key are told apart in the transaction, so the name is found taken there.
  if (!existing && (await namespaceOfOthers(ctx, name))) {
    return problem(
      'NAME_TAKEN',
      `A namespace "${name}" exists in the cluster already and is not one of ours. Choose another name.`,
      ['name'],
      { existing: null },
    );
  }
  const taken = (row: unknown) =>
    problem('NAME_TAKEN', `A team named "${name}" exists already. Use it, or choose another name.`, ['name'], {
      existing: row ?? null,
    });
  try {
    return await run(async (tx) => {
      if (existing) return taken(existing);
      const id = newId('Team');
      await tx.q.insert(teams).values({
        id,
        name,
        displayName: input.displayName ?? name,
        namespace: name,
        createdAt: new Date(ctx.clock.now()),
        createdBy: ctx.principal.actorId,
      });
      return {
        subjects: [id],
        state: 'SUCCEEDED',
        events: [{ type: 'team.created', subject: id, team: id, message: `Team ${name} was created` }],
      };
    });
  } catch (error) {
    if (isUniqueViolation(error)) return taken((await teamsByName(ctx, [name]))[0]);
    throw error;
  }
});

/** True when the cluster has a namespace of this name that CLOps did not make. A cluster that is away does not refuse teams. */
async function namespaceOfOthers(ctx: Ctx, name: string): Promise<boolean> {
  try {
    const namespace = await ctx.cluster.port.get(NAMESPACES, name, undefined, { signal: AbortSignal.timeout(2_000) });
    return namespace.metadata.labels?.[LABELS.managedBy] !== 'clops';
  } catch (error) {
    if (!isNotFound(error)) ctx.log.warn({ err: error }, 'could not ask the cluster for a namespace');
    return false;
  }
}

/** The row of an actor by kind and name, made when it is the first time. */
export async function ensureActor(
  db: Db,
  kind: ActorRow['kind'],
  name: string,
  isPlatformAdmin = false,
): Promise<ActorRow> {
  const prefix = kind === 'PERSON' ? 'Person' : kind === 'SYSTEM' ? 'SystemActor' : 'ServiceAccount';
  return db.tx(async (tx) => {
    const [row] = await tx.q
      .insert(actors)
      .values({ id: newId(prefix), kind, name: name.slice(0, 200), isPlatformAdmin, createdAt: new Date() })
      .onConflictDoUpdate({ target: [actors.kind, actors.name], set: { isPlatformAdmin } })
      .returning();
    return row as ActorRow;
  });
}
