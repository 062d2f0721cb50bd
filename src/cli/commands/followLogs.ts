/**
 * `clops logs -f`: the logs of all replicas that a deployment has, and comes to have. One that starts later is followed,
 * one that ends is said, one whose container starts again is followed again; the end is Ctrl-C, or that the deployment
 * (with --replica: the replica) is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeploymentReplicasDocument,
  ReplicaLogsDocument,
  type ReplicaLogsSubscription,
} from '../../client/generated/graphql.ts';
import { type ClopsClient, ClopsFault } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { full, type Named } from '../names.ts';

export type Line = ReplicaLogsSubscription['replicaLogs'];

export interface Replica {
  id: string;
  name: string;
  restarts: number;
}

interface Options {
  tailLines: number;
  /** Only the replica of this name. */
  only: string | undefined;
  print: (line: Line) => void;
}

/**
 * Replicas are asked for, though there is `deploymentChanged`: it tells of events, and a pod that comes, starts again or goes
 * makes none. Heartbeats of that stream are 15 s apart, and a crash's last lines would be gone by then.
 */
const LOOK_MS = 1_000;

interface Followed {
  place: Place;
  /** When it was last followed: one more is a container that has started again. */
  restarts: number;
  state: 'open' | 'waiting' | 'ended';
  /** What was said last of why it cannot be read. */
  said: string;
}

export async function followLogs(
  context: Context,
  client: ClopsClient,
  deployment: Named,
  first: readonly Replica[],
  { tailLines, only, print }: Options,
): Promise<undefined> {
  const { signal } = context;
  const known = new Map<string, Followed>();
  let failure: { error: unknown } | undefined;
  context.onConnection = (connected) => {
    if (connected || signal.aborted) return;
    for (const { place } of known.values()) place.lost();
    context.note('connection lost, connecting again …');
  };

  const read = async ({ id, name }: Replica, one: Followed): Promise<void> => {
    try {
      for await (const { replicaLogs } of client.follow(ReplicaLogsDocument, { replica: id, tailLines }, { signal }))
        if (one.place.isNew(replicaLogs)) print(replicaLogs);
      one.state = 'ended';
      if (!signal.aborted) context.note(`${name} has ended.`);
    } catch (error) {
      // Its container has not started, or it is gone by now: it is tried again for as long as it is there.
      if (!(error instanceof ClopsFault) || error.code !== 'BAD_USER_INPUT') throw error;
      one.state = 'waiting';
      if (one.said !== error.message) context.note(`! ${name}: ${error.message}`);
      one.said = error.message;
    }
  };
  const begin = (replica: Replica, one: Followed): void => {
    Object.assign(one, { state: 'open', restarts: replica.restarts });
    read(replica, one).catch((error: unknown) => (failure ??= { error }));
  };
  const take = (replicas: readonly Replica[], isFirst: boolean): void => {
    for (const [id, { state }] of known)
      if (state !== 'open' && !replicas.some((replica) => replica.id === id)) known.delete(id);
    for (const replica of replicas) {
      const one = known.get(replica.id);
      if (!one) {
        const made: Followed = { place: createPlace(), restarts: 0, state: 'waiting', said: '' };
        known.set(replica.id, made);
        if (!isFirst) context.note(`${replica.name} is new.`);
        begin(replica, made);
      } else if (one.state === 'waiting' || (one.state === 'ended' && replica.restarts > one.restarts)) {
        one.place.lost();
        begin(replica, one);
      }
    }
  };

  take(first, true);
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    if (failure) throw failure.error;
    if (signal.aborted) return undefined;
    const replicas = await look(context, deployment);
    if (replicas === 'gone') {
      context.note(`${full(deployment)} is gone.`);
      return undefined;
    }
    if (replicas === undefined) continue;
    const wanted = replicas.filter(({ name }) => only === undefined || name === only);
    take(wanted, false);
    const isOver = wanted.length === 0 || wanted.every(({ id }) => known.get(id)?.state === 'ended');
    if (only !== undefined && isOver && [...known.values()].every(({ state }) => state !== 'open')) return undefined;
  }
}

/** Undefined when nobody can say at this moment. */
async function look(context: Context, { id }: Named): Promise<readonly Replica[] | 'gone' | undefined> {
  try {
    const client = await context.client();
    const options = { signal: context.signal, attempts: 1, onPartial: () => {} };
    const { node } = await client.request(DeploymentReplicasDocument, { id }, options);
    if (node?.__typename !== 'Deployment') return 'gone';
    return node.currentReplicas ?? undefined;
  } catch (error) {
    if (context.signal.aborted || (error instanceof ClopsFault && error.retryable)) return undefined;
    throw error;
  }
}

interface Place {
  isNew(line: Line): boolean;
  lost(): void;
}

/** After a lost connection the tail comes again: what was printed of it is left out. */
function createPlace(): Place {
  let at = '';
  let printed = new Set<string>();
  let again = false;
  return {
    isNew(line) {
      if (again && (line.at < at || (line.at === at && printed.has(line.line)))) return false;
      if (line.at !== at) {
        again = false;
        printed = new Set();
      }
      at = line.at;
      printed.add(line.line);
      return true;
    },
    lost() {
      again = true;
    },
  };
}
