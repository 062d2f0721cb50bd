/** Which version is meant: by number, alias, id, digest, or simply the latest. */
import { z } from 'zod';
import { DIGEST_PATTERN } from '../../contract/names.ts';
import { load } from '../../graphql/batch.ts';
import type { Ctx } from '../../graphql/context.ts';
import { problem, type Result } from '../../lib/problem.ts';
import { latestVersions, versionsByAlias, versionsByDigest, versionsById, versionsByNumber } from './queries.ts';
import type { ModelRow, VersionRow } from './tables.ts';

const digestRule = z.string().regex(DIGEST_PATTERN, 'The digest must be `sha256:` and 64 lower-case hex digits.');

export const selectorRule = z.union(
  [
    z.strictObject({ number: z.number().int().min(1).max(2_147_483_647) }),
    z.strictObject({ alias: z.string().min(1).max(100) }),
    z.strictObject({ id: z.string().min(1).max(100) }),
    z.strictObject({ digest: digestRule }),
    z.strictObject({ latest: z.literal(true) }),
  ],
  { error: 'Say which version is meant by exactly one of number, alias, id, digest or latest: true.' },
);

export type VersionSelector = z.output<typeof selectorRule>;

export async function selectVersion(
  ctx: Ctx,
  model: ModelRow,
  selector: VersionSelector,
  path: readonly string[],
): Promise<Result<VersionRow>> {
  const found = await find(ctx, model, selector);
  if (found && found.modelId === model.id) return found;
  const [[by, value]] = Object.entries(selector) as [[string, unknown]];
  const what =
    by === 'latest'
      ? 'no version yet. Register one first with createModelVersion'
      : by === 'number'
        ? `no version ${value}; its newest is ${model.lastVersion}`
        : by === 'alias'
          ? `no alias ${JSON.stringify(value)}. Set it with setAlias, or choose a version by its number`
          : `no version with ${by} ${JSON.stringify(value)}; its newest is ${model.lastVersion}`;
  return problem('NOT_FOUND', `Model ${model.name} has ${what}.`, [...path, by]);
}

function find(ctx: Ctx, model: ModelRow, selector: VersionSelector): Promise<VersionRow | null> {
  if ('number' in selector) return load(ctx, versionsByNumber, { modelId: model.id, number: selector.number });
  if ('alias' in selector) return load(ctx, versionsByAlias, { modelId: model.id, alias: selector.alias });
  if ('id' in selector) return load(ctx, versionsById, selector.id);
  if ('digest' in selector) return load(ctx, versionsByDigest, { modelId: model.id, digest: selector.digest });
  return load(ctx, latestVersions, model.id);
}
