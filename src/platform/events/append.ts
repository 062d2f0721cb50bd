/** How a transaction says what it did. The event becomes visible only if and when that transaction commits. */
import { newId } from '../../lib/id.ts';
import type { Tx } from '../db/db.ts';
import { outbox } from './tables.ts';

export interface NewEvent {
  /** Dotted and past tense: `deployment.created`, `rollout.paused`. */
  type: string;
  subject: string;
  actor: string;
  team?: string | null;
  operation?: string | null;
  /** One sentence for people. */
  message: string;
  data?: Record<string, unknown>;
  /** Further ids a stream may be narrowed to; the subject is always among them. */
  about?: readonly string[];
  /** When it was true, if earlier than now (a cluster reports late). */
  at?: Date;
}

/** Events of one transaction keep their order. `wake` is called after commit: see EventLog.nudge. */
export async function appendEvents(tx: Tx, wake: () => void, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.q.insert(outbox).values(
    events.map((event) => ({
      id: newId('Event'),
      type: event.type,
      at: event.at ?? new Date(),
      subjectId: event.subject,
      teamId: event.team ?? null,
      actorId: event.actor,
      operationId: event.operation ?? null,
      message: event.message,
      data: event.data ?? {},
      about: [...new Set([event.subject, ...(event.about ?? [])])],
    })),
  );
  tx.afterCommit(wake);
}
