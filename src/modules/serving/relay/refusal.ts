/** What the API server has read and does not take, as a webhook, a policy or a quota says. Told once, in its words. */
import { storable } from '../../../lib/text.ts';
import { isRefusal } from '../../../platform/cluster/port.ts';
import type { DeploymentRow } from '../tables.ts';
import { endOperations } from './operations.ts';
import type { Parts } from './parts.ts';

/** So long a 500 may be the restart of a webhook. Who waits for an operation goes when it has failed, and would have been told too early. */
const AWAY_MS = 10_000;

/** Tried again now and then: a quota may be raised. The operation says meanwhile why nothing happens. */
export async function orNoteRefusal(parts: Parts, row: DeploymentRow, publish: () => Promise<void>): Promise<void> {
  try {
    await publish();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (error.code === 500 && parts.services.clock.now() - row.updatedAt.getTime() < AWAY_MS) throw error;
    await note(parts, row, storable(error.message));
  }
}

async function note({ services, controllerId }: Parts, row: DeploymentRow, words: string): Promise<void> {
  await services.db.tx(async (tx) => {
    const told = await endOperations(tx, row.openOperations, words);
    if (told === 0) return;
    const what = row.deleteRequestedAt ? `to delete ${row.name}` : row.name;
    await services.events.append(tx, [
      {
        type: 'deployment.publication_refused',
        subject: row.id,
        team: row.teamId,
        actor: controllerId,
        operation: row.operationId,
        message: `The cluster refuses ${what}: ${words}`.slice(0, 1000),
        data: { generation: row.generation },
      },
    ]);
  });
}
