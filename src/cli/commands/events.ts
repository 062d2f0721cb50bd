/** The ordered log: the last of it, what came after a cursor, and what comes. */
import {
  type EventLineFragment,
  EventsDocument,
  type EventsQuery,
  FollowEventsDocument,
  type FollowEventsSubscription,
} from '../../client/generated/graphql.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findDeployment } from '../names.ts';
import { eventLine, isShown } from '../shown/event.ts';
import { wholeNumber } from '../shown/text.ts';

interface Flags {
  follow?: boolean;
  after?: string;
  type?: string[];
  deployment?: string;
  last: string;
  all?: boolean;
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
  const shown = flags.all || flags.type ? () => true : isShown;
  // A stream that begins after a cursor brings what came since by itself.
  if (flags.follow && flags.after !== undefined) return follow(context, where, flags.after, shown);
  const past = await read(context, where, flags.after, count, shown);
  if (flags.follow && past.end === undefined) return followFromNothing(context, where, count, shown);
  if (flags.follow) {
    for (const event of past.nodes) printEvent(context, event);
    return follow(context, where, past.end, shown);
  }
  await context.show({
    data: past.nodes,
    table: () => past.nodes.map((event) => eventLine(context.paint, event, widthOf(context))).join('\n'),
    names: past.nodes.map(({ id }) => id),
  });
  if (past.left > 0) context.note(`${past.left} changes of conditions are left out: --all shows them.`);
  if (past.end !== undefined)
    context.note(`${past.hasMore ? 'There is more' : 'What comes next'}:  clops events --after ${past.end}`);
  return EXIT.ok;
}

/** Pages that are read for the last events among many changes of conditions. */
const PAGES = 10;

interface Past {
  nodes: EventLineFragment[];
  /** Where to go on. */
  end: string | undefined;
  hasMore: boolean;
  /** How many were not shown. */
  left: number;
}

async function read(
  context: Context,
  where: object,
  after: string | undefined,
  count: number,
  shown: (event: EventLineFragment) => boolean,
): Promise<Past> {
  if (after !== undefined) {
    const { nodes, pageInfo } = (await context.ask(EventsDocument, { where, first: MOST, after })).events;
    const found = nodes.filter(shown);
    const end = pageInfo.endCursor ?? after;
    return { nodes: found, end, hasMore: pageInfo.hasNextPage, left: nodes.length - found.length };
  }
  const past: Past = { nodes: [], end: undefined, hasMore: false, left: 0 };
  let before: string | null = null;
  for (let page = 0; page < PAGES && past.nodes.length < count; page++) {
    const last: number = page === 0 ? count : MOST;
    const { nodes, pageInfo }: EventsQuery['events'] = (
      await context.ask(EventsDocument, { where, last, ...(before !== null && { before }) })
    ).events;
    const found = nodes.filter(shown);
    past.left += nodes.length - found.length;
    past.nodes = [...found, ...past.nodes].slice(-count);
    past.end ??= pageInfo.endCursor ?? undefined;
    before = pageInfo.startCursor;
    if (!pageInfo.hasPreviousPage || before === null) break;
  }
  return past;
}

/** Without a past there is no place to go on from: what happened before the stream began is looked for again. */
async function followFromNothing(
  context: Context,
  where: object,
  count: number,
  shown: (event: EventLineFragment) => boolean,
): Promise<Exit> {
  const { signal } = context;
  const stream = (await context.client()).follow(FollowEventsDocument, { where }, { signal });
  const first = await stream.next();
  const past = await read(context, where, undefined, count, shown);
  const head: string | undefined = first.value?.events.cursor;
  if (past.end === undefined) return follow(context, where, head, shown, stream);
  await stream.return?.();
  for (const event of past.nodes) printEvent(context, event);
  return follow(context, where, past.end, shown);
}

/** `begun`: a stream that goes on behind `after`. */
async function follow(
  context: Context,
  where: object,
  after: string | undefined,
  shown: (event: EventLineFragment) => boolean,
  begun?: AsyncIterable<FollowEventsSubscription>,
): Promise<Exit> {
  const { signal, io } = context;
  const client = await context.client();
  let cursor = after;
  context.onConnection = (connected) =>
    !connected && !signal.aborted && context.note('connection lost, connecting again …');
  const stream =
    begun ?? client.follow(FollowEventsDocument, { where, ...(after !== undefined && { after }) }, { signal });
  for await (const { events: message } of stream) {
    cursor = message.cursor;
    if (message.kind === 'RESYNC_REQUIRED')
      context.note('! Events in between are no longer kept: what follows begins behind a gap.');
    if (message.event && shown(message.event)) printEvent(context, message.event);
  }
  const again = `clops events --follow${cursor === undefined ? '' : ` --after ${cursor}`}`;
  if (io.interrupt.aborted) throw new CliError(EXIT.interrupted, 'Detached.', again);
  if (signal.aborted) throw new CliError(EXIT.timeout, 'The time is up.', again);
  throw new CliError(EXIT.failure, 'The API ended the stream.', again);
}

/** In a stream each event is a line of its own, in JSON too. */
function printEvent(context: Context, event: EventLineFragment): void {
  const { format, paint, print } = context;
  if (format === 'table') print(eventLine(paint, event, widthOf(context)));
  else if (format === 'name') print(event.id);
  else print(`${format === 'yaml' ? '--- ' : ''}${JSON.stringify(event)}`);
}

const widthOf = ({ io }: Context): number | undefined => (io.out.isTTY ? (io.out.columns ?? 80) : undefined);
