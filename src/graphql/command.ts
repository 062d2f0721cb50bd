/**
 * What every command does first: its input is checked, and a repetition with its idempotency key is answered as the first
 * time, before anything is looked up. What the first time named may be gone since; its answer stands.
 */
import type { z } from 'zod';
import { checked } from '../lib/check.ts';
import { isProblems, type Result } from '../lib/problem.ts';
import type { Tx } from '../platform/db/db.ts';
import { type Accepted, type Effect, earlierOperation, runOperation } from '../platform/events/operations.ts';
import type { Ctx } from './context.ts';

export type Command = (ctx: Ctx, raw: object) => Promise<Result<Accepted>>;

/** Records the operation and does the work, in one transaction. */
export type Run = (work: (tx: Tx, operationId: string) => Promise<Result<Effect>>) => Promise<Result<Accepted>>;

type Rule = z.ZodType<object & { idempotencyKey?: string | undefined }>;

/** `name` is the mutation's; `body` looks up what the input names, asks for the right, and runs its work. */
export function command<R extends Rule>(
  name: string,
  rule: R,
  body: (ctx: Ctx, input: z.output<R>, run: Run) => Promise<Result<Accepted>>,
  options: { keepNull?: readonly string[] } = {},
): Command {
  return async (ctx, raw) => {
    const input = checked(rule, raw, options);
    if (isProblems(input)) return input;
    const request = { name, actorId: ctx.principal.actorId, input };
    return (await earlierOperation(ctx, request)) ?? body(ctx, input, (work) => runOperation(ctx, request, work));
  };
}
