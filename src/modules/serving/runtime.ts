/** Which ServingRuntime turns a format into pods, read from the informer cache. */
import type { ServingRuntime } from '../../contract/servingruntime.ts';
import type { Ctx } from '../../graphql/context.ts';
import { problem, type Result } from '../../lib/problem.ts';

/** What is taken while the cluster is away and cannot be asked. */
const BUILT_IN: Record<string, string> = { ONNX: 'onnx' };

export function chooseRuntime(ctx: Ctx, format: string, asked: string | undefined): Result<string> {
  const { runtimes } = ctx.cluster;
  if (!runtimes.isSynced) {
    const name = asked ?? BUILT_IN[format];
    return (
      name ??
      problem('UNSUPPORTED', `Say which runtime serves ${format}: the cluster cannot be asked now.`, ['runtime'], {
        capability: format,
      })
    );
  }
  const all = runtimes.list();
  const fits = (runtime: ServingRuntime) => runtime.spec.formats.includes(format);
  const fitting = all
    .filter(fits)
    .map(({ metadata }) => metadata.name)
    .sort();
  const unfit = (words: string, field: 'version' | 'runtime') =>
    problem('UNSUPPORTED', words, [field], { capability: format });
  const install = 'Install a ServingRuntime that does.';
  if (asked === undefined) {
    const first = fitting.includes(BUILT_IN[format] ?? '') ? BUILT_IN[format] : fitting[0];
    return first ?? unfit(`No runtime in the cluster serves ${format}. ${install}`, 'version');
  }
  const runtime = runtimes.get(asked);
  if (!runtime)
    return problem(
      'NOT_FOUND',
      `There is no runtime "${asked}". There are: ${all.map(({ metadata }) => metadata.name).join(', ') || 'none'}.`,
      ['runtime'],
    );
  if (fits(runtime)) return asked;
  const others = fitting.length > 0 ? `Those that do: ${fitting.join(', ')}.` : `None in the cluster does. ${install}`;
  return unfit(`Runtime "${asked}" serves ${runtime.spec.formats.join(', ')}, not ${format}. ${others}`, 'runtime');
}
