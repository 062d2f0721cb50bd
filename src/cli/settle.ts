/** Whether a deployment has come to rest, and waiting for that. */
import { DeploymentChangedDocument, type DeploymentPictureFragment } from '../client/generated/graphql.ts';
import type { Context } from './context.ts';
import { CliError, EXIT, type Exit } from './exit.ts';
import { full, type Named } from './names.ts';
import { deploymentLine, messageOf, waitsFor } from './shown/rollout.ts';

export type Verdict = { exit: Exit; why: string } | undefined;

/**
 * Undefined while there is something to wait for. The rollout counts before the deployment's phase: right after a deploy
 * the phase is still the one of before, and the rollout is already the new one.
 */
export function verdict(deployment: DeploymentPictureFragment): Verdict {
  const { phase, rollout } = deployment;
  if (phase === 'DELETING') return { exit: EXIT.degraded, why: 'is being deleted' };
  if (rollout?.outcome === null)
    return rollout.phase === 'DEGRADED'
      ? { exit: EXIT.degraded, why: rollout.message || 'makes no progress' }
      : undefined;
  if (rollout?.outcome === 'ABORTED') return { exit: EXIT.degraded, why: `stays as it was. ${rollout.message}` };
  if (phase === 'HEALTHY') return { exit: EXIT.ok, why: 'is healthy' };
  if (phase === 'STOPPED') return { exit: EXIT.ok, why: 'is scaled to nothing, as wanted' };
  if (phase !== 'DEGRADED') return undefined;
  return { exit: EXIT.degraded, why: `is degraded. ${messageOf(deployment)}` };
}

/**
 * Until it has come to rest, or waits for a person: who waits in a pipeline, or at night, would wait for ever.
 * Each change is a line of progress. @throws CliError when the time is up or on Ctrl-C.
 */
export async function settle(context: Context, deployment: Named): Promise<Exit> {
  const { signal, paint, io } = context;
  const label = full(deployment);
  const client = await context.client();
  let said = '';
  let last: DeploymentPictureFragment | undefined;
  context.onConnection = (connected) =>
    !connected && !signal.aborted && context.note('connection lost, connecting again …');
  for await (const { deploymentChanged } of client.follow(
    DeploymentChangedDocument,
    { deployment: deployment.id },
    { signal },
  )) {
    last = deploymentChanged.deployment;
    const line = deploymentLine(paint, last);
    if (line !== said) context.note(line);
    said = line;
    const waiting = waitsFor(last);
    const found = waiting ? { exit: EXIT.waiting, why: waiting.why } : verdict(last);
    if (!found) continue;
    await context.show({
      data: last,
      table: () => `${label} ${found.why}`,
      names: [label],
    });
    for (const command of waiting?.next ?? []) context.note(`  try: ${command}`);
    return found.exit;
  }
  if (io.interrupt.aborted)
    throw new CliError(
      EXIT.interrupted,
      `No longer waiting for ${label}; it goes on.`,
      `clops rollouts watch ${label}`,
    );
  if (signal.aborted)
    throw new CliError(
      EXIT.timeout,
      `The time is up, and it is not healthy yet. ${said}`,
      `clops rollouts watch ${label}`,
    );
  throw new CliError(EXIT.degraded, `${label} is gone.`, 'clops deployments list');
}
