/**
 * The fourth beat of every command: one transaction that records the operation, writes the rows and appends the events,
 * or does none of it. With an idempotency key a repetition answers with what the first time did, also when two arrive at
 * the same moment.
 */
import { createHash } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { canonical } from '../../lib/canonical.ts';
import { newId } from '../../lib/id.ts';
import { isProblems, problem, type Result } from '../../lib/problem.ts';
import { columns, type Db, isUniqueViolation, statement, type Tx } from '../db/db.ts';
import type { NewEvent } from './append.ts';
import type { EventLog } from './log.ts';
import { type OperationRow, type OperationState, operations } from './tables.ts';

/** What a command's transaction answers: the ids of what it made or changed, the first being what it returns. */
export interface Effect {
  subjects: readonly string[];
  events: readonly Omit<NewEvent, 'actor' | 'operation'>[];
  /** SUCCEEDED when all is done with this commit; ACCEPTED when the cluster has still to follow. */
  state: OperationState;
}

export interface Accepted {
  operation: OperationRow;
  /** The id of what the operation made or changed. */
  subject: string;
}

export interface OperationRequest {
  name: string;
  actorId: string;
  input: object & { idempotencyKey?: string | null | undefined };
}

const operationByKey = statement<OperationRow>(
  'operationByKey',
  `select ${columns(operations, 'o')} from clops.operations o where actor_id = $1 and idempotency_key = $2`,
);

/** What the request was answered with before, when it repeats one by its key: undefined when it does not. */
export async function earlierOperation(
  { db }: { db: Db },
  request: OperationRequest,
): Promise<Result<Accepted> | undefined> {
  const { actorId, input } = request;
  if (!input.idempotencyKey) return undefined;
  const [operation] = await db.read(operationByKey, [actorId, input.idempotencyKey]);
  if (!operation) return undefined;
  if (operation.inputHash !== hashOf(request)) {
    return problem(
      'CONFLICT',
      `The idempotency key was already used for another ${operation.name}. Use a new key for a new input.`,
      ['idempotencyKey'],
    );
  }
  return { operation, subject: operation.subjects[0] as string };
}

const hashOf = ({ name, input }: OperationRequest): string =>
  createHash('sha256')
    .update(`${name} ${canonical(input, 'null')}`)
    .digest('hex');

/** Ask for `earlierOperation` before what the input names is looked up; here only two that meet are told apart. */
export async function runOperation(
  { db, events }: { db: Db; events: EventLog },
  request: OperationRequest,
  work: (tx: Tx, operationId: string) => Promise<Result<Effect>>,
): Promise<Result<Accepted>> {
  const { name, actorId, input } = request;
  const key = input.idempotencyKey ?? null;
  try {
    return await db.tx(async (tx) => {
      const id = newId('Operation');
      const row = {
        id,
        name,
        actorId,
        at: new Date(),
        idempotencyKey: key,
        inputHash: hashOf(request),
        state: 'ACCEPTED' as OperationState,
        error: null,
        subjects: [],
      };
      // First, so that of two equal requests the second waits here and not after its effects.
      if (key !== null) await tx.q.insert(operations).values(row);
      const effect = await work(tx, id);
      if (isProblems(effect)) throw new Refused(effect);
      const operation: OperationRow = { ...row, state: effect.state, subjects: [...effect.subjects] };
      if (key === null) await tx.q.insert(operations).values(operation);
      else
        await tx.q
          .update(operations)
          .set({ state: operation.state, subjects: operation.subjects })
          .where(eq(operations.id, id));
      await events.append(
        tx,
        effect.events.map((event) => ({ ...event, actor: actorId, operation: id })),
      );
      return { operation, subject: effect.subjects[0] as string };
    });
  } catch (error) {
    if (error instanceof Refused) return error.problems;
    if (isUniqueViolation(error, 'operations_idempotency')) {
      const first = await earlierOperation({ db }, request);
      if (first) return first;
    }
    throw error;
  }
}

/** Rolls the transaction back with an answer in hand. Never leaves this file. */
class Refused extends Error {
  readonly problems;
  constructor(problems: import('../../lib/problem.ts').Problems) {
    super('refused');
    this.problems = problems;
  }
}
