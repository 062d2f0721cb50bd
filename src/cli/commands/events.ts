/** The ordered log: the last of it, what came after a cursor, and what comes. */
import { type EventLineFragment, EventsDocument, FollowEventsDocument } from '../../client/generated/graphql.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findDeployment } from '../names.ts';
import { eventLine } from '../shown/event.ts';
import { wholeNumber } from '../shown/text.ts';

interface Flags {
  follow?: boolean;
  after?: string;
  type?: string[];
  deployment?: string;
  last: string;
}

const MOST = 100;

export async function events(context: Context, _args: string[], flags: Flags): Promise<Exit> {
  const count = wholeNumber(flags.last, '--last');
  if (count < 1 || count > MOST) throw new CliError(EXIT.usage, `--last is 1 to ${MOST}.`);
  const where = {
    ...(context.team !== undefined && { team: context.team }),
    ...(flags.type && { types: flags.type }),
    ...(flags.deployment !== undefined && { subject: (await findDeployment(context, flags.deployment)).id }),
  };
  // A stream that begins after a cursor brings what came since by itself.
  const begins = flags.after;
  const past =
    flags.follow && begins !== undefined
      ? undefined
      : (
          await context.ask(EventsDocument, {
            where,
            ...(begins === undefined ? { last: count } : { first: MOST, after: begins }),
          })
        ).events;
  if (!flags.follow) {
    const nodes = past?.nodes ?? [];
    await context.show({
      data: nodes,
      table: () => nodes.map((event) => eventLine(context.paint, event)).join('\n'),
      names: nodes.map(({ id }) => id),
    });
    if (past?.pageInfo.hasNextPage) context.note(`There is more:  clops events --after ${past.pageInfo.endCursor}`);
    return EXIT.ok;
  }
  for (const event of past?.nodes ?? []) printEvent(context, event);
  return follow(context, where, begins ?? past?.pageInfo.endCursor ?? undefined);
}

async function follow(context: Context, where: object, after: string | undefined): Promise<Exit> {
  const { signal, io } = context;
  const client = await context.client();
  let cursor = after;
  context.onConnection = (connected) =>
    !connected && !signal.aborted && context.note('connection lost, connecting again …');
  for await (const { events: message } of client.follow(
    FollowEventsDocument,
    { where, ...(after !== undefined && { after }) },
    { signal },
  )) {
    cursor = message.cursor;
    if (message.kind === 'RESYNC_REQUIRED')
      context.note('! Events in between are no longer kept: what follows begins behind a gap.');
    if (message.event) printEvent(context, message.event);
  }
  const again = `clops events --follow${cursor === undefined ? '' : ` --after ${cursor}`}`;
  if (io.interrupt.aborted) throw new CliError(EXIT.interrupted, 'Detached.', again);
  if (signal.aborted) throw new CliError(EXIT.timeout, 'The time is up.', again);
  throw new CliError(EXIT.failure, 'The API ended the stream.', again);
}

/** In a stream each event is a line of its own, in JSON too. */
function printEvent({ format, paint, print }: Context, event: EventLineFragment): void {
  if (format === 'table') print(eventLine(paint, event));
  else if (format === 'name') print(event.id);
  else print(`${format === 'yaml' ? '--- ' : ''}${JSON.stringify(event)}`);
}
