/** Nodes of the cluster with their GPUs: what there is, and what is asked for. */
import { GpuNodesDocument, type GpuNodesQuery } from '../../client/generated/graphql.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { all } from '../pages.ts';
import { table } from '../shown/table.ts';
import { bytes } from '../shown/text.ts';

type Node = NonNullable<GpuNodesQuery['gpuNodes']>['nodes'][number];

export async function nodes(context: Context, _args: string[], flags: { free?: boolean }): Promise<Exit> {
  const where = flags.free ? { hasFreeGpu: true } : null;
  let answered = true;
  const list = await all(context, async (page) => {
    const { gpuNodes } = await context.ask(GpuNodesDocument, { where, ...page });
    answered = gpuNodes !== null;
    return gpuNodes;
  });
  if (!answered)
    throw new CliError(EXIT.failure, 'The cluster does not answer, so its nodes are not known.', 'clops doctor');
  if (list.length === 0) context.note(flags.free ? 'No node has a free GPU.' : 'There is no node.');
  await context.show({
    data: list,
    table: () => (list.length === 0 ? '' : nodeTable(context, list)),
    names: list.map(({ name }) => name),
  });
  return EXIT.ok;
}

function nodeTable({ paint }: Context, list: readonly Node[]): string {
  const rows = list.map(({ name, ready, schedulable, product, memoryMib, allocatable, allocated, gpus }) => {
    const bad = gpus.filter(({ healthy }) => healthy === false).length;
    const state = !ready ? paint.red('✖ Not ready') : schedulable ? paint.green('✔ Ready') : paint.yellow('‖ Cordoned');
    return [
      name,
      state,
      product === null ? '–' : `${product}${memoryMib === null ? '' : ` ${bytes(memoryMib * 1024 ** 2)}`}`,
      allocatable.gpus === 0 ? '–' : `${allocated.gpus}/${allocatable.gpus}${bad > 0 ? paint.red(` ✖ ${bad}`) : ''}`,
      `${Math.round(allocated.cpu * 10) / 10}/${allocatable.cpu}`,
      `${bytes(allocated.memoryBytes)}/${bytes(allocatable.memoryBytes)}`,
      `${allocated.pods}/${allocatable.pods}`,
    ];
  });
  return table(['NAME', 'STATUS', 'GPU', 'GPUS USED', 'CPU', 'MEMORY', 'PODS'], rows);
}
