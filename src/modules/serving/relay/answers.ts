/** A verb's way to the cluster as a RolloutCommand, and its answer's way back into the operation. */
import { and, eq, inArray } from 'drizzle-orm';
import { API_VERSION, LABELS, RELAY_MANAGER } from '../../../contract/names.ts';
import { COMMAND_KEPT_MS, type RolloutCommand } from '../../../contract/rolloutcommand.ts';
import { idToName } from '../../../lib/id.ts';
import { storable } from '../../../lib/text.ts';
import { isAlreadyExists, isNotFound, isRefusal } from '../../../platform/cluster/port.ts';
import { ROLLOUTCOMMANDS } from '../../../platform/cluster/resources.ts';
import { columns, statement, type Tx } from '../../../platform/db/db.ts';
import { type CommandRow, commands, type DeploymentRow, deployments } from '../tables.ts';
import { endOperations, publishOperations } from './operations.ts';
import type { Parts } from './parts.ts';

/** Commands whose rollout the controller has begun: before that they would be refused. */
const selectPendingCommands = statement<CommandRow & { number: number; byName: string | null }>(
  'pendingCommands',
  `select ${columns(commands, 'c')}, o.number, a.name as "byName"
   from clops.rollout_commands c join clops.rollouts o on o.id = c.rollout_id left join clops.actors a on a.id = c.by
   where c.deployment_id = $1 and c.state = 'PENDING' and o.number is not null order by c.operation_id`,
);
const selectUnansweredCommands = statement<{ key: string }>(
  'unansweredCommands',
  `select d.namespace || '/' || replace(c.operation_id, '_', '-') as key
   from clops.rollout_commands c join clops.deployments d on d.id = c.deployment_id where c.state = 'PUBLISHED'`,
);

/** Less than the controller keeps an answered command, by what two clocks and a slow call may differ. */
const CREATED_WITHIN_MS = COMMAND_KEPT_MS - 5 * 60_000;

const OVERTAKEN = 'An abort that was asked for later came first. Look at the rollout and ask again.';

/**
 * Tells the keys of the RolloutCommands that were made. They arrive in the order in which they were asked for, behind the
 * change of the deployment that was asked for before them: what the server refuses with 4xx is refused for good, its 500 (a
 * webhook is away) is tried again for as long as a command may be handed over, and the others wait. An abort alone waits for
 * nothing, `isHeldUp` or not, and ends what it overtakes: a promote that came after it would undo it.
 */
export async function publishCommands(
  parts: Parts,
  deployment: DeploymentRow,
  { isHeldUp, onMade }: { isHeldUp: boolean; onMade: (key: string) => void },
): Promise<void> {
  const { db } = parts.services;
  const pending = await db.read(selectPendingCommands, [deployment.id]);
  if (pending.length === 0 || (await parts.home.check()) === 'foreign') return;
  let failed: Error | undefined;
  const waiting: string[] = [];
  for (const command of pending) {
    const { operationId } = command;
    if (command.verb !== 'Abort' && (isHeldUp || waiting.length > 0)) {
      waiting.push(operationId);
      continue;
    }
    try {
      if (!(await create(parts, deployment, command))) {
        await db.tx((tx) => refuse(parts, tx, operationId, TOO_LATE));
        continue;
      }
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (error.code === 500) {
        failed ??= error;
        waiting.push(operationId);
      } else await db.tx((tx) => refuse(parts, tx, operationId, storable(error.message)));
      continue;
    }
    await db.tx(async (tx) => {
      for (const overtaken of waiting.splice(0)) await refuse(parts, tx, overtaken, OVERTAKEN);
      const published = await tx.q
        .update(commands)
        .set({ state: 'PUBLISHED' })
        .where(and(eq(commands.operationId, operationId), eq(commands.state, 'PENDING')))
        .returning();
      if (published.length > 0) await publishOperations(tx, [operationId]); // else its answer was quicker
    });
    onMade(`${deployment.namespace}/${idToName(operationId)}`);
  }
  if (failed) throw failed;
}

const TOO_LATE =
  'It could not be handed to the cluster for an hour, or was, and its answer is lost. Look at the rollout and ask again.';

/**
 * False when it is too old and not there: a relay that ended here may have made it, and the controller done, answered and
 * deleted it. Made again, it would be done twice.
 */
async function create(
  parts: Parts,
  { namespace, name, uid }: DeploymentRow,
  {
    operationId,
    verb,
    to,
    stepIndex,
    reason,
    by,
    byName,
    number,
    createdAt,
  }: CommandRow & { number: number; byName: string | null },
): Promise<boolean> {
  const { services } = parts;
  if (services.clock.now() - createdAt.getTime() > CREATED_WITHIN_MS)
    return (await liveCommand(parts, { namespace, name: idToName(operationId) })) !== undefined;
  const owner = uid && { apiVersion: API_VERSION, kind: 'ModelDeployment', name, uid };
  const object: RolloutCommand = {
    apiVersion: API_VERSION,
    kind: 'RolloutCommand',
    metadata: {
      name: idToName(operationId),
      namespace,
      labels: { [LABELS.managedBy]: 'clops', [LABELS.deployment]: name },
      ...(owner && { ownerReferences: [owner] }),
    },
    spec: {
      deployment: name,
      rollout: number,
      verb,
      ...(to && { to }),
      ...(stepIndex !== null && { stepIndex }),
      ...(reason && { reason }),
      by: byName ?? by,
    },
  };
  try {
    await services.cluster.port.create(ROLLOUTCOMMANDS, object, { fieldManager: RELAY_MANAGER });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  return true;
}

async function liveCommand(
  { services }: Parts,
  { namespace, name }: { namespace: string; name: string },
): Promise<RolloutCommand | undefined> {
  try {
    return await services.cluster.port.get<RolloutCommand>(ROLLOUTCOMMANDS, name, namespace);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** What the controller answered ends the operation. A command that is no longer there will not be answered any more. */
export async function takeAnswer(
  parts: Parts,
  operationId: string,
  key: { namespace: string; name: string },
  seen: RolloutCommand | undefined,
): Promise<void> {
  const { db } = parts.services;
  const command = seen ?? (await liveCommand(parts, key));
  if (command && !command.status) return;
  if (!command && (await parts.home.check()) !== 'same') return;
  await db.tx(async (tx) => {
    const said = storable(command?.status);
    if (said?.state !== 'Done') {
      const words = said?.message ?? 'The command was deleted, and nobody saw its answer.';
      return refuse(parts, tx, operationId, words);
    }
    const [row] = await close(tx, operationId, 'DONE');
    if (!row) return;
    await endOperations(tx, [operationId]);
    // What it led to is told from the status; who asked and waits is told that it was done.
    await tell(parts, tx, row, 'rollout.command_done', `${row.verb} was done: ${said.message}`);
  });
}

const close = (tx: Tx, operationId: string, state: 'DONE' | 'REFUSED') =>
  tx.q
    .update(commands)
    .set({ state })
    .where(and(eq(commands.operationId, operationId), inArray(commands.state, ['PENDING', 'PUBLISHED'])))
    .returning();

async function refuse(parts: Parts, tx: Tx, operationId: string, words: string): Promise<void> {
  const [row] = await close(tx, operationId, 'REFUSED');
  if (!row) return;
  await endOperations(tx, [operationId], words);
  await tell(parts, tx, row, 'rollout.command_refused', `${row.verb} was refused: ${words}`);
}

async function tell(
  { services, controllerId }: Parts,
  tx: Tx,
  row: CommandRow,
  type: string,
  message: string,
): Promise<void> {
  const [of] = await tx.q
    .select({ team: deployments.teamId })
    .from(deployments)
    .where(eq(deployments.id, row.deploymentId));
  await services.events.append(tx, [
    {
      type,
      subject: row.rolloutId,
      team: of?.team ?? null,
      actor: controllerId,
      operation: row.operationId,
      about: [row.deploymentId],
      message: message.slice(0, 1000),
      data: { verb: row.verb },
    },
  ]);
}

export const unansweredCommands = async ({ services }: Parts): Promise<string[]> =>
  (await services.db.read(selectUnansweredCommands)).map(({ key }) => key);
