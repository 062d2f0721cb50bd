/** Rollouts as a list, as a picture, and live. */
import {
  DeploymentChangedDocument,
  DeploymentDocument,
  RolloutProgressDocument,
  RolloutsDocument,
} from '../../client/generated/graphql.ts';
import type { Context } from '../context.ts';
import { EXIT, type Exit } from '../exit.ts';
import { findDeployment, findRollout, full } from '../names.ts';
import { phase } from '../shown/paint.ts';
import { outcomeOf, passage } from '../shown/rollout.ts';
import { table } from '../shown/table.ts';
import { age } from '../shown/text.ts';
import { type Change, watchChanges } from '../watch.ts';
import { gone, shownOnce } from './deployments.ts';

/** Newest first; more than these nobody reads in a terminal. */
const MOST = 50;

export async function list(context: Context, [ref]: string[]): Promise<Exit> {
  const { paint } = context;
  const deployment = ref === undefined ? undefined : (await findDeployment(context, ref)).id;
  const where = { ...(deployment && { deployment }), ...(context.team !== undefined && { team: context.team }) };
  const { nodes } = (await context.ask(RolloutsDocument, { where, first: MOST })).rollouts;
  if (nodes.length === 0) context.note('There is no rollout yet.');
  const rows = nodes.map((rollout) => [
    full(rollout.deployment),
    `${rollout.number ?? '–'}`,
    passage(rollout),
    phase(paint, rollout.phase),
    rollout.outcome ? outcomeOf(rollout.outcome) : '–',
    age(rollout.startedAt, Date.now()),
    rollout.startedBy.name,
    rollout.id,
  ]);
  await context.show({
    data: nodes,
    table: () =>
      rows.length === 0 ? '' : table(['DEPLOYMENT', 'NO', 'VERSIONS', 'PHASE', 'OUTCOME', 'AGE', 'BY', 'ID'], rows),
    names: nodes.map(({ id }) => id),
  });
  return EXIT.ok;
}

export async function get(context: Context, [ref = '']: string[]): Promise<Exit> {
  const { deployment, rollout } = await findRollout(context, ref);
  const { node } = await context.ask(DeploymentDocument, { id: deployment.id });
  if (node?.__typename !== 'Deployment') throw gone(full(deployment));
  const present = node.rollout;
  if (rollout !== undefined && rollout !== present?.id)
    context.note(`! ${rollout} is not the present rollout of ${full(deployment)}; this is.`);
  await context.show({ data: node, table: () => shownOnce(context, node), names: present ? [present.id] : [] });
  return EXIT.ok;
}

/** Of a deployment: until Ctrl-C, over as many rollouts as come. Of one rollout: until it has ended. */
export async function watch(context: Context, [ref = '']: string[]): Promise<Exit> {
  const { deployment, rollout } = await findRollout(context, ref);
  const client = await context.client();
  const { signal } = context;
  if (rollout === undefined) {
    const stream = client.follow(DeploymentChangedDocument, { deployment: deployment.id }, { signal });
    return watchChanges(
      context,
      deployment,
      mapped(stream, ({ deploymentChanged }) => deploymentChanged),
    );
  }
  const stream = client.follow(RolloutProgressDocument, { rollout }, { signal });
  return watchChanges(
    context,
    deployment,
    mapped(stream, ({ rolloutProgress: { rollout: state, ...message } }) => {
      const { deployment: owner, ...own } = state;
      return { ...message, deployment: { ...owner, rollout: own } };
    }),
  );
}

async function* mapped<From>(stream: AsyncIterable<From>, map: (message: From) => Change): AsyncGenerator<Change> {
  for await (const message of stream) yield map(message);
}
