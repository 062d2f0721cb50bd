/** ServingRuntimes, from the informer cache. */
import { Ctx as Context, Field, ObjectType, Query, Resolver } from 'type-graphql';
import { toUpperSnake } from '../../../contract/enums.ts';
import type { BatchReader } from '../../../graphql/batch.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { Node } from '../../../graphql/node.ts';
import { namedId, partsOfId } from '../../../lib/id.ts';
import { Unavailable } from '../../../lib/problem.ts';

@ObjectType('ServingRuntime', {
  implements: Node,
  simpleResolvers: true,
  description: 'How a format becomes a container: image, ports, command, probes.',
})
export class ServingRuntime extends Node {
  @Field(() => String, { description: 'Its name in the cluster. Since: 0.1' })
  name!: string;
  @Field(() => [String], { description: 'Formats it serves, as ModelFormat spells them. Since: 0.1' })
  formats!: string[];
  @Field(() => String, { nullable: true, description: 'Image of its containers. Since: 0.1' })
  image!: string | null;
  @Field(() => [String], { description: 'Protocols it speaks: `OPEN_INFERENCE_V2`. Since: 0.1' })
  protocols!: string[];
  @Field(() => [String], { description: 'What strategies and checks may rely on: `MODEL_METADATA`. Since: 0.1' })
  capabilities!: string[];
  @Field(() => Boolean, { description: 'It is installed in the cluster. Since: 0.1' })
  available!: boolean;
}

/** Also for a runtime that is not, or no longer, in the cluster: then it is not available. */
export function runtimeValue(ctx: Ctx, name: string): ServingRuntime {
  const spec = ctx.cluster.runtimes.get(name)?.spec;
  return {
    id: namedId('ServingRuntime', name),
    name,
    formats: spec?.formats ?? [],
    image: spec?.container.image ?? null,
    protocols: (spec?.protocols ?? []).map(toUpperSnake),
    capabilities: (spec?.capabilities ?? []).map(toUpperSnake),
    available: spec !== undefined,
  };
}

export const runtimesById: BatchReader<string, ServingRuntime | null> = async (ctx, ids) =>
  ids.map((id) => {
    const runtime = runtimeValue(ctx, partsOfId(id).join('/'));
    return runtime.available ? runtime : null;
  });

@Resolver()
export class RuntimesResolver {
  @Query(() => [ServingRuntime], {
    nullable: true,
    description: 'The runtimes installed in the cluster, by name. Requires: READ. Since: 0.1',
  })
  runtimes(@Context() ctx: Ctx): ServingRuntime[] {
    if (!ctx.cluster.runtimes.isSynced)
      throw new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster has not been read yet.');
    const names = ctx.cluster.runtimes.list().map(({ metadata }) => metadata.name);
    return names.sort().map((name) => runtimeValue(ctx, name));
  }
}
