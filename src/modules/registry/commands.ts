/** Models and their versions: what makes, changes and deletes them. */
import { eq, sql } from 'drizzle-orm';
import { load } from '../../graphql/batch.ts';
import { command } from '../../graphql/command.ts';
import type { Ctx } from '../../graphql/context.ts';
import { newId } from '../../lib/id.ts';
import { isProblems, type Problems, problem, type Result } from '../../lib/problem.ts';
import { isForeignKeyViolation, isUniqueViolation } from '../../platform/db/db.ts';
import { runsById } from '../experiments/index.ts';
import { permit, type TeamRow, teamsByName } from '../identity/index.ts';
import { NotOnnx, readOnnxSignature } from './onnx.ts';
import { modelsById, modelsByName, versionsById } from './queries.ts';
import { createModelRule, createVersionRule, deleteModelRule, updateModelRule, updateVersionRule } from './rules.ts';
import { aliases, models, modelVersions, type SignatureValue } from './tables.ts';

export const noSuchModel = (id: string): Problems =>
  problem(
    'NOT_FOUND',
    `There is no model with the id ${JSON.stringify(id.slice(0, 60))}. The list \`models\` has those that there are.`,
    ['model'],
  );

const noSuchVersion = (id: string): Problems =>
  problem(
    'NOT_FOUND',
    `There is no version with the id ${JSON.stringify(id.slice(0, 60))}. A model has its own as \`versions\`.`,
    ['version'],
  );

export const createModel = command('createModel', createModelRule, async (ctx, input, run) => {
  const team: TeamRow | null = await load(ctx, teamsByName, input.team);
  permit(ctx, 'WRITE_MODEL', team?.id ?? null);
  if (!team) return problem('NOT_FOUND', `There is no team ${JSON.stringify(input.team)}. Create it first.`, ['team']);

  try {
    return await run(async (tx) => {
      const id = newId('Model');
      const now = new Date(ctx.clock.now());
      const { name, description, tags } = input;
      await tx.q.insert(models).values({
        id,
        teamId: team.id,
        name,
        description,
        tags,
        lastVersion: 0,
        createdAt: now,
        updatedAt: now,
        createdBy: ctx.principal.actorId,
      });
      return {
        subjects: [id],
        state: 'SUCCEEDED',
        events: [
          { type: 'model.created', subject: id, team: team.id, message: `Model ${team.name}/${name} was created` },
        ],
      };
    });
  } catch (error) {
    if (!isUniqueViolation(error, 'models_name')) throw error;
    const [existing] = await modelsByName(ctx, [`${team.name}/${input.name}`]);
    return problem(
      'NAME_TAKEN',
      `Team ${team.name} has a model named "${input.name}" already. Register a version of it, or choose another name.`,
      ['name'],
      {
        existing,
      },
    );
  }
});

export const updateModel = command('updateModel', updateModelRule, async (ctx, input, run) => {
  const model = await load(ctx, modelsById, input.model);
  permit(ctx, 'WRITE_MODEL', model?.teamId ?? null);
  if (!model) return noSuchModel(input.model);

  return run(async (tx) => {
    // What was not given stays as it is at this moment, not as it was when the model was looked up.
    const { description = sql`${models.description}`, tags = sql`${models.tags}` } = input;
    const changed = await tx.q
      .update(models)
      .set({ description, tags, updatedAt: new Date(ctx.clock.now()) })
      .where(eq(models.id, model.id))
      .returning({ id: models.id });
    if (changed.length === 0) return noSuchModel(input.model);
    return {
      subjects: [model.id],
      state: 'SUCCEEDED',
      events: [
        { type: 'model.updated', subject: model.id, team: model.teamId, message: `Model ${model.name} was changed` },
      ],
    };
  });
});

/** With its versions and aliases. Refused while something refers to a version; the bytes go with the next sweep. */
export const deleteModel = command('deleteModel', deleteModelRule, async (ctx, input, run) => {
  const model = await load(ctx, modelsById, input.model);
  permit(ctx, 'WRITE_MODEL', model?.teamId ?? null);

  try {
    return await run(async (tx) => {
      if (!model) return noSuchModel(input.model);
      // Who registers a version or moves an alias holds this row.
      const held = await tx.q.select({ id: models.id }).from(models).where(eq(models.id, model.id)).for('update');
      if (held.length === 0) return noSuchModel(input.model);
      const ofModel = eq(modelVersions.modelId, model.id);
      if (input.onlyIfEmpty && (await tx.q.select().from(modelVersions).where(ofModel).limit(1)).length > 0)
        return problem(
          'CONFLICT',
          `Model ${model.name} has a version, and was to be deleted only if it has none.`,
          ['onlyIfEmpty'],
          { current: model },
        );
      await tx.q.delete(aliases).where(eq(aliases.modelId, model.id));
      await tx.q.delete(modelVersions).where(ofModel);
      await tx.q.delete(models).where(eq(models.id, model.id));
      return {
        subjects: [model.id],
        state: 'SUCCEEDED',
        events: [
          { type: 'model.deleted', subject: model.id, team: model.teamId, message: `Model ${model.name} was deleted` },
        ],
      };
    });
  } catch (error) {
    if (!isForeignKeyViolation(error)) throw error;
    return problem(
      'CONFLICT',
      `Model ${model?.name} is deployed, or was: the history of its deployments names its versions, so it stays. Delete what still serves it; a tag can say that it is out of use.`,
      ['model'],
      {
        current: model,
      },
    );
  }
});

export const createModelVersion = command('createModelVersion', createVersionRule, async (ctx, input, run) => {
  const model = await load(ctx, modelsById, input.model);
  permit(ctx, 'WRITE_MODEL', model?.teamId ?? null);
  if (!model) return noSuchModel(input.model);
  if (input.run && !(await load(ctx, runsById, input.run)))
    return problem(
      'NOT_FOUND',
      `There is no run with the id ${JSON.stringify(input.run)}. Leave \`run\` out, or give the id of one.`,
      ['run'],
    );
  const { digest } = input.artifact;
  // Before the transaction, which must not wait for a store: whoever sweeps keeps these bytes for a day from now.
  const info = await ctx.artifacts.touch(digest);
  if (!info?.complete) {
    const state = info ? `only ${info.receivedBytes} bytes of ${digest} have come` : `no bytes of ${digest} have come`;
    return problem(
      'NOT_FOUND',
      `Upload the artifact first: ${state}. PUT it to ${ctx.settings.artifactsUrl}/${digest}.`,
      ['artifact', 'digest'],
    );
  }
  const signature = await signatureOf(ctx, input.format, digest, input.signature);
  if (isProblems(signature)) return signature;

  return run(async (tx) => {
    const [raised] = await tx.q
      .update(models)
      .set({ lastVersion: sql`${models.lastVersion} + 1`, updatedAt: new Date(ctx.clock.now()) })
      .where(eq(models.id, model.id))
      .returning({ number: models.lastVersion });
    if (!raised) return noSuchModel(input.model);
    const id = newId('ModelVersion');
    const { number } = raised;
    await tx.q.insert(modelVersions).values({
      id,
      modelId: model.id,
      number,
      description: input.description,
      tags: input.tags,
      format: input.format,
      digest,
      originUri: input.artifact.uri ?? null,
      sizeBytes: info.receivedBytes,
      signature,
      source: input.source ? { ...input.source } : null,
      parameters: input.parameters,
      metrics: input.metrics,
      runId: input.run ?? null,
      createdAt: new Date(ctx.clock.now()),
      createdBy: ctx.principal.actorId,
    });
    return {
      subjects: [id],
      state: 'SUCCEEDED',
      events: [
        {
          type: 'version.created',
          subject: id,
          team: model.teamId,
          about: [model.id],
          message: `Version ${number} of ${model.name} was registered`,
          data: { number, digest, sizeBytes: info.receivedBytes },
        },
      ],
    };
  });
});

async function signatureOf(
  ctx: Ctx,
  format: string,
  digest: string,
  given: SignatureValue | undefined,
): Promise<Result<SignatureValue | null>> {
  if (format !== 'ONNX') return given ?? null;
  const file = await ctx.artifacts.open(digest);
  try {
    return file && (await readOnnxSignature(file));
  } catch (error) {
    if (error instanceof NotOnnx)
      return problem(
        'INVALID_INPUT',
        `The artifact is not an ONNX model that can be served: ${error.message}.`,
        ['artifact', 'digest'],
        { constraint: 'onnx' },
      );
    throw error;
  } finally {
    await file?.close();
  }
}

export const updateModelVersion = command('updateModelVersion', updateVersionRule, async (ctx, input, run) => {
  const version = await load(ctx, versionsById, input.version);
  const model = version && (await load(ctx, modelsById, version.modelId));
  permit(ctx, 'WRITE_MODEL', model?.teamId ?? null);
  if (!version || !model) return noSuchVersion(input.version);

  return run(async (tx) => {
    const { description = sql`${modelVersions.description}`, tags = sql`${modelVersions.tags}` } = input;
    const changed = await tx.q
      .update(modelVersions)
      .set({ description, tags })
      .where(eq(modelVersions.id, version.id))
      .returning({ id: modelVersions.id });
    if (changed.length === 0) return noSuchVersion(input.version);
    const message = `Version ${version.number} of ${model.name} was described anew`;
    return {
      subjects: [version.id],
      state: 'SUCCEEDED',
      events: [{ type: 'version.updated', subject: version.id, team: model.teamId, about: [model.id], message }],
    };
  });
});
