/** What the replicas of a deployment say: their last lines one replica after the other, or all of them as they come. */
import { DeploymentReplicasDocument, ReplicaLogsDocument } from '../../client/generated/graphql.ts';
import { type ClopsClient, ClopsFault } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findDeployment, full, type Named } from '../names.ts';
import { logLines } from '../shown/logRecord.ts';
import { wholeNumber } from '../shown/text.ts';
import { didYouMean } from '../similar.ts';
import { followLogs, type Line, type Replica } from './followLogs.ts';

interface Flags {
  follow?: boolean;
  tail: string;
  replica?: string;
  raw?: boolean;
}

const MOST = 5_000;
/** The stream goes on behind the tail and does not say where that ends: so long a silence does. */
const QUIET_MS = 500;
/** Until the first line, which has a longer way: from the node. */
const FIRST_MS = 3_000;

export async function logs(context: Context, [ref = '']: string[], flags: Flags): Promise<Exit> {
  const { signal, io } = context;
  const tail = wholeNumber(flags.tail, '--tail');
  if (tail > MOST) throw new CliError(EXIT.usage, `--tail is 0 to ${MOST}.`);
  const deployment = await findDeployment(context, ref);
  const replicas = await replicasOf(context, deployment, flags.replica);
  const label = full(deployment);
  const print = printer(context, flags.raw === true);
  const client = await (flags.raw ? context.rawClient() : context.client());
  const read = flags.follow
    ? await followLogs(context, client, deployment, replicas, { tailLines: tail, only: flags.replica, print })
    : await tails(context, client, replicas, tail, print);
  if (io.interrupt.aborted) throw new CliError(EXIT.interrupted, 'Detached.');
  if (signal.aborted) throw new CliError(EXIT.timeout, 'The time is up.', `clops logs ${label} --follow`);
  if (read && !read.includes(true))
    throw new CliError(EXIT.failure, `No replica of ${label} has a log to read.`, `clops deployments get ${label}`);
  return EXIT.ok;
}

async function replicasOf(context: Context, deployment: Named, only: string | undefined): Promise<Replica[]> {
  const label = full(deployment);
  const { node } = await context.ask(DeploymentReplicasDocument, { id: deployment.id });
  const all = node?.__typename === 'Deployment' ? node.currentReplicas : [];
  if (!all) throw new CliError(EXIT.failure, `The cluster does not say which replicas ${label} has.`, 'clops doctor');
  if (all.length === 0)
    throw new CliError(EXIT.notFound, `${label} has no replicas.`, `clops deployments get ${label}`);
  if (only === undefined) return all;
  const found = all.filter(({ name }) => name === only);
  if (found.length > 0) return found;
  const names = all.map(({ name }) => name);
  throw new CliError(
    EXIT.notFound,
    `${label} has no replica ${JSON.stringify(only)}.${didYouMean(only, names) || ` It has ${names.join(', ')}.`}`,
  );
}

async function tails(
  context: Context,
  client: ClopsClient,
  replicas: Replica[],
  tailLines: number,
  print: (line: Line) => void,
): Promise<boolean[]> {
  const connected = new Promise<void>((resolve) => {
    context.onConnection = (isUp) => {
      if (isUp) resolve();
      else if (!context.signal.aborted) context.note('connection lost, connecting again …');
    };
  });
  const read = await Promise.all(
    replicas.map(async (replica) => {
      const lines: Line[] = [];
      const isRead = await readable(context, replica, () =>
        readTail(context, client, replica, tailLines, connected, lines),
      );
      return { isRead, lines };
    }),
  );
  for (const { lines } of read) for (const line of lines) print(line);
  return read.map(({ isRead }) => isRead);
}

async function readTail(
  { signal }: Context,
  client: ClopsClient,
  replica: Replica,
  tailLines: number,
  connected: Promise<void>,
  lines: Line[],
): Promise<void> {
  if (tailLines === 0) return;
  const enough = new AbortController();
  const stream = client.follow(
    ReplicaLogsDocument,
    { replica: replica.id, tailLines },
    { signal: AbortSignal.any([signal, enough.signal]) },
  );
  const wait = (ms: number): ReturnType<typeof setTimeout> => setTimeout(() => enough.abort(), ms);
  let timer: ReturnType<typeof setTimeout> | undefined;
  void connected.then(() => (timer ??= wait(FIRST_MS)));
  try {
    for await (const { replicaLogs } of stream) {
      clearTimeout(timer);
      timer = wait(QUIET_MS);
      if (lines.push(replicaLogs) >= tailLines) return;
    }
  } finally {
    clearTimeout(timer);
  }
}

async function readable(context: Context, { name }: Replica, read: () => Promise<void>): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    if (!(error instanceof ClopsFault) || error.code !== 'BAD_USER_INPUT') throw error;
    context.note(`! ${name}: ${error.message}`);
    return false;
  }
}

/** In JSON each line is one of output, as it is; for people a record that is JSON is taken apart, unless they want it raw. */
function printer({ format, paint, print }: Context, isRaw: boolean): (line: Line) => void {
  if (format === 'name') return (line) => print(line.replica.name);
  if (format !== 'table') return (line) => print(`${format === 'yaml' ? '--- ' : ''}${JSON.stringify(line)}`);
  return ({ replica, line, at }) => {
    const front = paint.cyan(`[${replica.name}]`);
    for (const one of isRaw ? [line] : logLines(paint, line, at)) print(`${front} ${one}`);
  };
}
