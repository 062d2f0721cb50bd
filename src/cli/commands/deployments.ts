/** What is served, and taking it away. */
import {
  DeleteDeploymentDocument,
  DeploymentChangedDocument,
  type DeploymentChangedSubscription,
  DeploymentDocument,
  type DeploymentLineFragment,
  type DeploymentPictureFragment,
  DeploymentsDocument,
} from '../../client/generated/graphql.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { ask } from '../io.ts';
import { findDeployment, full } from '../names.ts';
import { all } from '../pages.ts';
import { phase } from '../shown/paint.ts';
import { picture } from '../shown/picture.ts';
import { messageOf } from '../shown/rollout.ts';
import { table } from '../shown/table.ts';
import { age } from '../shown/text.ts';

export async function list(context: Context): Promise<Exit> {
  const where = context.team === undefined ? null : { team: context.team };
  const found = await all(
    context,
    async (page) => (await context.ask(DeploymentsDocument, { where, ...page })).deployments,
  );
  if (found.length === 0) context.note('Nothing is served yet. `clops deploy model@1` serves a version.');
  await context.show({
    data: found,
    table: () => (found.length === 0 ? '' : deploymentTable(context, found)),
    names: found.map(full),
  });
  return EXIT.ok;
}

function deploymentTable({ paint }: Context, list: readonly DeploymentLineFragment[]): string {
  const version = (target: DeploymentLineFragment['stable']): string =>
    target?.version ? `${target.version.model.name}@${target.version.number}` : '–';
  const rows = list.map((one) => [
    one.team.name,
    one.name,
    phase(paint, one.phase),
    one.stable ? version(one.stable) : `${version(one.canary)} (first)`,
    // The first rollout is no canary: there is nothing beside it.
    one.stable && one.canary ? `${version(one.canary)} ${one.canary.weight} %` : '–',
    readyOf(one),
    one.endpoint?.url ?? '–',
    age(one.createdAt, Date.now()),
  ]);
  const head = ['TEAM', 'NAME', 'PHASE', 'STABLE', 'CANARY', 'READY', 'ENDPOINT', 'AGE'];
  const unwell = list.flatMap((one) => (isUnwell(one) ? [`! ${full(one)}: ${messageOf(one)}`] : []));
  return [table(head, rows), ...(unwell.length > 0 ? ['', ...unwell] : [])].join('\n');
}

/** All pods of both sides, as kubectl's column counts them. */
function readyOf({ stable, canary, replicas }: DeploymentLineFragment): string {
  const sides = [stable, canary].filter((side) => side !== null);
  const sum = (of: 'readyReplicas' | 'replicas'): number => sides.reduce((count, side) => count + side[of], 0);
  return `${sum('readyReplicas')}/${sides.length === 0 ? replicas : sum('replicas')}`;
}

/** Something keeps pods from being there, or they from being well: the phase alone would not say what. */
const isUnwell = (one: DeploymentLineFragment): boolean => {
  const message = messageOf(one);
  return message !== '' && (one.phase === 'DEGRADED' || CAUSE.test(message));
};

/** `Unschedulable: 0/2 nodes are available …`: a cause has a name of one word before its words. */
const CAUSE = /(?:^|\. )[A-Z][A-Za-z]+: /;

export async function get(context: Context, [ref = '']: string[]): Promise<Exit> {
  const named = await findDeployment(context, ref);
  const { node } = await context.ask(DeploymentDocument, { id: named.id });
  if (node?.__typename !== 'Deployment') throw gone(full(named));
  await context.show({ data: node, table: () => shownOnce(context, node), names: [full(node)] });
  return EXIT.ok;
}

/** The picture of this moment, as wide as the terminal. */
export function shownOnce({ io, paint, program }: Context, deployment: DeploymentPictureFragment): string {
  return picture({ deployment, paint, program, width: io.out.columns ?? 120, now: Date.now() }).join('\n');
}

export const gone = (label: string): CliError =>
  new CliError(EXIT.notFound, `${label} is gone.`, 'clops deployments list');

export async function remove(
  context: Context,
  [ref = '']: string[],
  flags: { yes?: boolean; wait?: boolean },
): Promise<Exit> {
  const { io, signal } = context;
  const deployment = await findDeployment(context, ref);
  const label = full(deployment);
  if (!flags.yes) {
    if (!io.in.isTTY) throw new CliError(EXIT.usage, `Deleting ${label} takes its endpoint away: say --yes.`);
    const answer = await ask(io, `Delete ${label} and its endpoint? [y/N] `);
    if (!/^y(es)?$/i.test(answer)) throw new CliError(EXIT.failure, `${label} stays.`);
  }
  // Followed from before the deletion, so that its end cannot be missed.
  const changes = flags.wait
    ? (await context.client()).follow(DeploymentChangedDocument, { deployment: deployment.id }, { signal })
    : undefined;
  await changes?.next();
  const { deletedId, operation } = done(
    (await context.ask(DeleteDeploymentDocument, { input: { deployment: deployment.id } })).deleteDeployment,
  );
  if (changes) await untilGone(context, label, changes);
  await context.show({
    data: { deletedId, operation },
    table: () => (flags.wait ? `${label} is gone` : `${label} is being deleted`),
    names: [label],
  });
  return EXIT.ok;
}

/** What the first and the last line say anyway. */
const SAID = ['deployment.delete_requested', 'deployment.deleted'];

async function untilGone(
  context: Context,
  label: string,
  changes: AsyncIterable<DeploymentChangedSubscription>,
): Promise<void> {
  const { io, signal } = context;
  context.note(`${label} is being deleted …`);
  for await (const { deploymentChanged } of changes) {
    const { event } = deploymentChanged;
    if (event && !SAID.includes(event.type)) context.note(event.message);
  }
  if (!signal.aborted) return;
  const still = `${label} is still being deleted, and goes on.`;
  if (io.interrupt.aborted) throw new CliError(EXIT.interrupted, still);
  throw new CliError(EXIT.timeout, `The time is up. ${still}`, `clops deployments get ${label}`);
}
