/** Names of versions that move. */
import { and, eq } from 'drizzle-orm';
import { load } from '../../graphql/batch.ts';
import { command } from '../../graphql/command.ts';
import { isProblems, problem } from '../../lib/problem.ts';
import type { Tx } from '../../platform/db/db.ts';
import { permit } from '../identity/index.ts';
import { noSuchModel } from './commands.ts';
import { modelsById } from './queries.ts';
import { deleteAliasRule, setAliasRule } from './rules.ts';
import { selectVersion } from './selector.ts';
import { aliases, type ModelRow, models } from './tables.ts';

export const setAlias = command('setAlias', setAliasRule, async (ctx, input, run) => {
  const model = await load(ctx, modelsById, input.model);
  permit(ctx, 'WRITE_MODEL', model?.teamId ?? null);
  if (!model) return noSuchModel(input.model);
  const version = await selectVersion(ctx, model, input.version, ['version']);
  if (isProblems(version)) return version;

  return run(async (tx) => {
    // An alias that is not there yet cannot be locked: two who give it first would each tell that it came from nowhere.
    const held = await tx.q.select({ id: models.id }).from(models).where(eq(models.id, model.id)).for('no key update');
    if (held.length === 0) return noSuchModel(input.model);
    const moved = { versionId: version.id, movedAt: new Date(ctx.clock.now()), movedBy: ctx.principal.actorId };
    const [before] = await lockedAlias(tx, model, input.name);
    await tx.q
      .insert(aliases)
      .values({ modelId: model.id, name: input.name, ...moved })
      .onConflictDoUpdate({ target: [aliases.modelId, aliases.name], set: moved });
    const message = `Alias ${input.name} of ${model.name} was moved to version ${version.number}`;
    const events =
      before?.versionId === version.id
        ? []
        : [
            {
              type: 'alias.moved',
              subject: version.id,
              team: model.teamId,
              about: [model.id, ...(before ? [before.versionId] : [])],
              message,
              data: { alias: input.name, from: before?.versionId ?? null, to: version.id },
            },
          ];
    return { subjects: [version.id], state: 'SUCCEEDED', events };
  });
});

export const deleteAlias = command('deleteAlias', deleteAliasRule, async (ctx, input, run) => {
  const model = await load(ctx, modelsById, input.model);
  permit(ctx, 'WRITE_MODEL', model?.teamId ?? null);
  if (!model) return noSuchModel(input.model);

  return run(async (tx) => {
    const [before] = await lockedAlias(tx, model, input.name);
    if (!before)
      return problem('NOT_FOUND', `Model ${model.name} has no alias "${input.name}": it may be removed already.`, [
        'name',
      ]);
    await tx.q.delete(aliases).where(and(eq(aliases.modelId, model.id), eq(aliases.name, input.name)));
    const message = `Alias ${input.name} of ${model.name} was removed`;
    return {
      subjects: [model.id],
      state: 'SUCCEEDED',
      events: [
        {
          type: 'alias.deleted',
          subject: model.id,
          team: model.teamId,
          about: [before.versionId],
          message,
          data: { alias: input.name, from: before.versionId },
        },
      ],
    };
  });
});

const lockedAlias = (tx: Tx, model: ModelRow, name: string) =>
  tx.q
    .select()
    .from(aliases)
    .where(and(eq(aliases.modelId, model.id), eq(aliases.name, name)))
    .for('update');
