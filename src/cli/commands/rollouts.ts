/** Rollouts as a list, as a picture, and live. */
import {
  DeploymentChangedDocument,
  DeploymentDocument,
  RolloutProgressDocument,
  RolloutStoryDocument,
  RolloutsDocument,
  type RolloutsQuery,
} from '../../client/generated/graphql.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findDeployment, findRollout, full } from '../names.ts';
import { phase } from '../shown/paint.ts';
import { outcomeOf, passage } from '../shown/rollout.ts';
import { story } from '../shown/story.ts';
import { table } from '../shown/table.ts';
import { age } from '../shown/text.ts';
import { type Change, watchChanges } from '../watch.ts';
import { gone, shownOnce } from './deployments.ts';

/** Newest first; more than these nobody reads in a terminal. */
const MOST = 50;
/** As many as the API gives at once: a canary of ten steps that was tried three times has fewer. */
const MOST_EVENTS = 100;

export async function list(context: Context, [ref]: string[]): Promise<Exit> {
  const { paint } = context;
  const deployment = ref === undefined ? undefined : (await findDeployment(context, ref)).id;
  const where = { ...(deployment && { deployment }), ...(context.team !== undefined && { team: context.team }) };
  const { nodes } = (await context.ask(RolloutsDocument, { where, first: MOST })).rollouts;
  if (nodes.length === 0) context.note('There is no rollout yet.');
  const rows = nodes.map((rollout, i) => [
    full(rollout.deployment),
    `${rollout.number ?? '–'}`,
    passage(rollout),
    phase(paint, rollout.phase),
    endOf(rollout, nodes.slice(0, i)),
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
  const [ended] = nodes.filter(({ outcome }) => outcome !== null);
  if (ended) context.note(`What happened in one:  clops rollouts get ${ended.id}`);
  return EXIT.ok;
}

type Listed = RolloutsQuery['rollouts']['nodes'][number];

/** `superseded by 7`: by the next of its deployment that was begun. */
function endOf({ outcome, deployment }: Listed, newer: readonly Listed[]): string {
  if (!outcome) return '–';
  const next = newer.findLast((one) => one.deployment.id === deployment.id && one.number !== null);
  return `${outcomeOf(outcome)}${outcome === 'SUPERSEDED' && next ? ` by ${next.number}` : ''}`;
}

/** Of a deployment: how its present rollout stands. Of one rollout, which may have ended long ago: its story. */
export async function get(context: Context, [ref = '']: string[]): Promise<Exit> {
  const { deployment, rollout } = await findRollout(context, ref);
  if (rollout !== undefined) return tell(context, rollout);
  const { node } = await context.ask(DeploymentDocument, { id: deployment.id });
  if (node?.__typename !== 'Deployment') throw gone(full(deployment));
  const present = node.rollout;
  await context.show({ data: node, table: () => shownOnce(context, node), names: present ? [present.id] : [] });
  return EXIT.ok;
}

async function tell(context: Context, id: string): Promise<Exit> {
  const { io, paint } = context;
  const { node } = await context.ask(RolloutStoryDocument, { id, first: MOST_EVENTS });
  if (node?.__typename !== 'Rollout')
    throw new CliError(EXIT.notFound, `The rollout ${id} is gone.`, 'clops rollouts list');
  const { events, ...rollout } = node;
  const label = full(rollout.deployment);
  const width = io.out.isTTY ? (io.out.columns ?? 80) : undefined;
  await context.show({
    data: { ...rollout, events: events.nodes },
    table: () => story({ paint, label, rollout, events: events.nodes, width, now: Date.now() }),
    names: [id],
  });
  if (events.pageInfo.hasNextPage)
    context.note(`! These are its first ${MOST_EVENTS} events. The last:  clops events --deployment ${label}`);
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
