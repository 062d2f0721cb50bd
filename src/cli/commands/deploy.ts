/** Asks for a version to be served, and says what was begun and how to follow it. */
import {
  DeployModelDocument,
  type DeployModelInput,
  type DeploymentLineFragment,
  type DeploymentPictureFragment,
  RevisionsDocument,
  type RolloutStateFragment,
  type StrategyInput,
} from '../../client/generated/graphql.ts';
import { answered } from '../answered.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findModel, full, split, splitVersion } from '../names.ts';
import { settle } from '../settle.ts';
import { passage, rolloutLine, stepList } from '../shown/rollout.ts';
import { wholeNumber } from '../shown/text.ts';
import { type StrategyFlags, strategyOf } from '../strategy.ts';
import { findVersion } from './models.ts';

interface Flags extends StrategyFlags {
  name?: string;
  replicas?: string;
  cpu?: string;
  memory?: string;
  gpus?: string;
  runtime?: string;
  wait?: boolean;
}

export async function deploy(context: Context, [ref = '']: string[], flags: Flags): Promise<Exit> {
  const { paint } = context;
  const strategy = await strategyOf(flags);
  const resources = resourcesOf(flags);
  const replicas = flags.replicas === undefined ? undefined : wholeNumber(flags.replicas, '--replicas');
  const { model: modelRef, ...version } = splitVersion(ref);
  const model = await findModel(context, modelRef);
  const { team, name } = split({ ...context, team: model.team.name }, flags.name ?? model.name);
  if (team !== model.team.name)
    throw new CliError(EXIT.usage, `A deployment of ${full(model)} is in team ${model.team.name}.`);
  // Asked for by name here: the API's answer to a missing version could not say what there is instead.
  const newest = version.number === undefined && version.alias === undefined;
  if (!newest) await findVersion(context, model, version);
  const input: DeployModelInput = {
    team,
    name,
    model: model.name,
    version: selectorOf(version),
    ...(replicas !== undefined && { replicas }),
    ...(resources && { resources }),
    ...(flags.runtime !== undefined && { runtime: flags.runtime }),
    ...(strategy && { strategy }),
  };
  const { deployment, rollout, operation } = done((await context.ask(DeployModelDocument, { input })).deployModel);
  if (!deployment) throw new Error('the API answered neither a deployment nor an error');
  const label = full(deployment);
  // It is the aborted one still, as the API knows it; the operation that was accepted begins it again.
  const isRetried = rollout?.outcome === 'ABORTED' && operation?.state !== 'SUCCEEDED';
  // The same again: nothing was begun. It is said, because a person who waits for a rollout would wait in vain.
  if (operation?.state === 'SUCCEEDED') context.note(`${label} is as you want it already.`);
  else if (
    !strategy &&
    rollout &&
    rollout.steps.length > 0 &&
    (isRetried || (await isForward(context, deployment, rollout)))
  )
    context.note(`Steps as before: ${stepList(rollout.steps)}.`);
  if (flags.wait) {
    // Until the controller has looked, what is shown is what was there before: the abort that this deploy is to mend.
    if (operation && operation.state !== 'SUCCEEDED') {
      const isSeen = (now: DeploymentPictureFragment): boolean =>
        !rollout || (now.rollout?.id === rollout.id && now.rollout.outcome !== 'ABORTED');
      await answered(context, 'the deployment', deployment, operation.id, isSeen, true);
    }
    return settle(context, deployment);
  }
  const line = (of: NonNullable<typeof rollout>): string =>
    isRetried ? `${paint.bold(label)}: ${passage(of)}  begins again` : rolloutLine(paint, deployment, of);
  await context.show({
    data: { deployment, rollout, operation },
    table: () => (rollout ? line(rollout) : `${paint.bold(label)}: ${without(deployment, replicas, strategy)}`),
    names: [label],
  });
  context.note(`Watch it:  clops rollouts watch ${label}`);
  return EXIT.ok;
}

/**
 * To a revision that is newer than the stable one: only such a way is walked for certain. Going back is fast, mostly, and so
 * is the first rollout of all. A revision that is returned to has a new number, and the hash that it had.
 */
async function isForward(
  context: Context,
  { id, stable }: DeploymentLineFragment,
  { to }: RolloutStateFragment,
): Promise<boolean> {
  const { node } = await context.ask(RevisionsDocument, { deployment: id });
  if (node?.__typename !== 'Deployment') return false;
  const { nodes } = node.revisions;
  const first = (hash: string | undefined): number =>
    Math.min(...nodes.filter((one) => one.hash === hash).map(({ number }) => number));
  return first(nodes.find(({ number }) => number === to.number)?.hash) > first(stable?.revision?.hash);
}

/** What an accepted deploy does that neither begins a rollout nor moves the one that runs. */
function without(
  { rollout, version }: DeploymentLineFragment,
  replicas: number | undefined,
  strategy: StrategyInput | undefined,
): string {
  const runs = rollout?.outcome === null;
  const how = rollout?.phase === 'ABORTING' ? 'being aborted' : runs ? 'on its way already' : 'what it serves already';
  return [
    `version ${version.number} is ${how}, no other rollout begins.`,
    replicas !== undefined && `Replicas: ${replicas}.`,
    strategy && (runs ? 'The strategy is kept.' : 'The strategy is kept for the next rollout.'),
  ]
    .filter(Boolean)
    .join(' ');
}

function selectorOf({ number, alias }: { number?: number; alias?: string }): DeployModelInput['version'] {
  if (number !== undefined) return { number };
  return alias === undefined ? { latest: true } : { alias };
}

function resourcesOf({ cpu, memory, gpus }: Flags): DeployModelInput['resources'] | undefined {
  const given = {
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memory }),
    ...(gpus !== undefined && { gpus: wholeNumber(gpus, '--gpus') }),
  };
  return Object.keys(given).length > 0 ? given : undefined;
}
