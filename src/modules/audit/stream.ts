/** The log as a subscription. The loaders of a stream live for one message only: a longer life would show stale rows and stale rights. */
import type { Ctx } from '../../graphql/context.ts';
import { abortable } from '../../graphql/source.ts';
import { Fault } from '../../lib/fault.ts';
import type { EventFilter, LogMessage } from '../../platform/events/log.ts';
import type { Place } from '../../platform/events/place.ts';
import { teamInWhere } from '../identity/index.ts';
import { logCursor, placeIn } from './cursor.ts';

/** `where` of lists and streams of the log. */
export interface LogWhere {
  team?: string | null;
  types?: string[] | null;
  subject?: string | null;
  operation?: string | null;
}

const KIND = { event: 'EVENT', heartbeat: 'HEARTBEAT', resync: 'RESYNC_REQUIRED' } as const;

export const streamMessage = (message: LogMessage) => ({
  kind: KIND[message.kind],
  cursor: logCursor(message),
  event: message.kind === 'event' ? message.event : null,
});

/** The `where` of the API as the log's filter. */
export async function filterOf(ctx: Ctx, where: LogWhere | null | undefined) {
  if (where?.types && where.types.length > 20) throw new Fault('BAD_USER_INPUT', 'where.types takes at most 20 types.');
  return {
    teamId: (await teamInWhere(ctx, where?.team))?.id ?? null,
    types: where?.types ?? null,
    about: where?.subject ?? null,
    operationId: where?.operation ?? null,
  };
}

/** What `events` yields. What it cannot be narrowed to, and `after` that is no cursor, are refused before it begins. */
export async function followEvents(
  ctx: Ctx,
  args: { after?: string | null; where?: LogWhere | null },
): Promise<AsyncIterableIterator<object>> {
  const after = placeIn(args.after);
  const filter = await filterOf(ctx, args.where);
  return abortable(async function* (signal) {
    const where: EventFilter = {
      ...(filter.types && { types: filter.types }),
      ...(filter.teamId && { teamId: filter.teamId }),
      ...(filter.about && { about: filter.about }),
      ...(filter.operationId && { operationId: filter.operationId }),
    };
    const start = after ?? ctx.events.head();
    // Where it begins, at once: a client that is cut before anything happened must know where to go on.
    if (after === undefined) yield streamMessage({ kind: 'heartbeat', ...start });
    for await (const message of followLog(ctx, { where, signal, after: start })) yield streamMessage(message);
  });
}

/** The log with fresh loaders for every message. */
export async function* followLog(
  ctx: Ctx,
  options: { where: EventFilter; signal: AbortSignal; after?: Place; heartbeatMs?: number },
): AsyncGenerator<LogMessage> {
  for await (const message of ctx.events.follow(options)) {
    ctx.loaders.clear();
    yield message;
  }
}
