/** `node(id)` and `nodes(ids)`: each slice brings the reader of its types; unknown, foreign and garbage ids are all null. */
import { Arg, Ctx as Context, ID, Query, Resolver } from 'type-graphql';
import { type BatchReader, load } from '../graphql/batch.ts';
import type { Ctx } from '../graphql/context.ts';
import { Node } from '../graphql/node.ts';
import { sized } from '../graphql/size.ts';
import { Fault } from '../lib/fault.ts';
import { type NodeType, typeOfId } from '../lib/id.ts';
import { auditNodes } from '../modules/audit/index.ts';
import { computeNodes } from '../modules/compute/index.ts';
import { experimentNodes } from '../modules/experiments/index.ts';
import { identityNodes } from '../modules/identity/index.ts';
import { registryNodes } from '../modules/registry/index.ts';
import { runtimesById, servingNodes } from '../modules/serving/index.ts';

const MOST = 100;

const readers: Partial<Record<NodeType, BatchReader<string, object | null>>> = {
  ...identityNodes,
  ...auditNodes,
  ...computeNodes,
  ...experimentNodes,
  ...registryNodes,
  ...servingNodes,
  ServingRuntime: runtimesById,
};

function find(ctx: Ctx, id: string): Promise<object | null> {
  const type = typeOfId(id);
  const reader = type && readers[type];
  return reader ? load(ctx, reader, id) : Promise.resolve(null);
}

@Resolver()
export class NodeResolver {
  @Query(() => Node, {
    nullable: true,
    description: 'Anything by its id; null when there is no such thing. Requires: READ. Since: 0.1',
  })
  node(
    @Context() ctx: Ctx,
    @Arg('id', () => ID, { description: 'An id of any type.' }) id: string,
  ): Promise<object | null> {
    return find(ctx, id);
  }

  @sized(MOST, 'ids')
  @Query(() => [Node], {
    nullable: 'items',
    description: `Several things by their ids, at most ${MOST}, in that order. Requires: READ. Since: 0.1`,
  })
  async nodes(
    @Context() ctx: Ctx,
    @Arg('ids', () => [ID], { description: 'Ids of any types.' }) ids: string[],
  ): Promise<(object | null)[]> {
    if (ids.length > MOST) throw new Fault('BAD_USER_INPUT', `ids takes at most ${MOST} ids.`);
    return Promise.all(ids.map((id) => find(ctx, id)));
  }
}
