/** The relay: tells the cluster what is wanted and takes in what it reports. Woken by the event log and by informers. */
import { setTimeout } from 'node:timers/promises';
import type { Services } from '../../../graphql/context.ts';
import { createBackoff } from '../../../lib/backoff.ts';
import { nameToId } from '../../../lib/id.ts';
import { after, createWorkQueue, type Outcome, type WorkQueue } from '../../../lib/workqueue.ts';
import type { AddressForPods } from '../../../platform/artifacts/sign.ts';
import { keyOf } from '../../../platform/cluster/informer.ts';
import { askedToWaitMs, isConflict } from '../../../platform/cluster/port.ts';
import { columns, statement } from '../../../platform/db/db.ts';
import { secretName } from '../spec.ts';
import { type DeploymentRow, deployments } from '../tables.ts';
import { publishCommands, takeAnswer, unansweredCommands } from './answers.ts';
import type { Belonging } from './home.ts';
import { isUnknown } from './known.ts';
import { observe } from './observe.ts';
import { createParts } from './parts.ts';
import { publishRow } from './publish.ts';
import { RENEW_EVERY_MS, writeSecret } from './secrets.ts';

const selectPresent = statement<{ id: string; key: string }>(
  'presentDeployments',
  `select d.id, d.namespace || '/' || d.name as key from clops.deployments d where d.gone_at is null`,
);
const selectUnpublished = statement<{ id: string }>(
  'unpublishedDeployments',
  `select d.id from clops.deployments d where d.published_generation < d.generation and d.gone_at is null
   union select c.deployment_id from clops.rollout_commands c where c.state = 'PENDING'`,
);
const selectDeployment = statement<DeploymentRow>(
  'deploymentOfRelay',
  `select ${columns(deployments, 'd')} from clops.deployments d where d.id = $1 and d.gone_at is null`,
);

/** A wake-up that was lost costs this long at most. */
const SWEEP_MS = 30_000;

export interface Relay {
  /** What the cluster turned out to be when it first said who it is; a cluster that is away says nothing yet. */
  readonly met: Promise<Belonging>;
  close(): Promise<void>;
}

export interface RelayOptions {
  services: Services;
  addressForPods: AddressForPods;
  /** Authorities (PEM) that pods have to trust to fetch from there. */
  extraCaFile?: string | undefined;
  /** Uid of kube-system of a cluster that may take the place of the one that the database knows. The local one may anyway. */
  newCluster?: string | undefined;
}

export async function startRelay({ services, addressForPods, newCluster, extraCaFile }: RelayOptions): Promise<Relay> {
  const { db, events, cluster, log, clock } = services;
  const closing = new AbortController();
  const closed = new Promise((resolve) => closing.signal.addEventListener('abort', resolve, { once: true }));
  const parts = await createParts(services, addressForPods, { newCluster, extraCaFile, onReplaced: lookAtAll });
  const queue = (what: string, work: (key: string) => Promise<Outcome>, concurrency = 4): WorkQueue =>
    createWorkQueue({
      // Nothing is done to a cluster, or believed of it, before it is known to be ours; then everything is looked at.
      work: async (key) => (parts.home.isOurs ? work(key) : undefined),
      onError(err, key, retryInMs) {
        if (isConflict(err)) log.debug({ key, retryInMs }, `${what}: somebody else was quicker, looking again`);
        else log.warn({ err, key, retryInMs }, `${what} failed, will try again`);
      },
      askedToWaitMs,
      concurrency,
      clock,
    });

  const publishing = queue('publishing', async (id) => {
    const [row] = await db.read(selectDeployment, [id]);
    if (!row) return undefined;
    let failed: unknown;
    try {
      if (row.publishedGeneration < row.generation) await publishRow(parts, row);
      // What the cluster said of a publication before it was recorded is taken now.
      observing.add(`${row.namespace}/${row.name}`);
    } catch (error) {
      if (isConflict(error)) throw error; // done in a moment, and what was asked after it comes after it
      failed = error;
    }
    // An abort does not wait for a change that cannot be published.
    await publishCommands(parts, row, { isHeldUp: failed !== undefined, onMade: (key) => answering.add(key) });
    if (failed) throw failed;
    return undefined;
  });
  const observing = queue('taking in a resource', async (key) => {
    await observe(parts, key);
    return undefined;
  });
  const answering = queue('taking in an answer', async (key) => {
    const [namespace = '', name = ''] = key.split('/');
    await takeAnswer(parts, nameToId(name), { namespace, name }, cluster.commands.get(key));
    return undefined;
  });
  const renewing = queue(
    'renewing artifact URLs',
    async (id) => {
      const [row] = await db.read(selectDeployment, [id]);
      const md = row && cluster.deployments.get(`${row.namespace}/${row.name}`);
      if (!row || md?.spec.model.artifact.secretName !== secretName(row.name)) return undefined;
      if ((await parts.home.check()) !== 'foreign') await writeSecret(parts, row);
      return undefined;
    },
    1,
  );
  /** Each a pass over everything, coalesced however often it is asked for, and repeated until it has succeeded. */
  const passes: Record<string, () => Promise<Outcome>> = {
    async sweep() {
      for (const { id } of await db.read(selectUnpublished)) publishing.add(id);
      return after(SWEEP_MS);
    },
    /** What was deleted while no relay ran has left no watch event. */
    async look() {
      await Promise.race([cluster.deployments.synced(), closed]);
      if (closing.signal.aborted) return undefined;
      for (const object of cluster.deployments.list()) observing.add(keyOf(object));
      for (const { key } of await db.read(selectPresent)) observing.add(key);
      return undefined;
    },
    /** Nor has what was answered. Apart: a cluster without RolloutCommands, or a right to list them, kept all deletions from being seen. */
    async hear() {
      await Promise.race([cluster.commands.synced(), closed]);
      if (closing.signal.aborted) return undefined;
      for (const key of await unansweredCommands(parts)) answering.add(key);
      return undefined;
    },
    async unknown() {
      for (const md of cluster.deployments.list()) if (isUnknown(md)) observing.add(keyOf(md));
      return undefined;
    },
    async renew() {
      for (const { id } of await db.read(selectPresent)) renewing.add(id);
      return after(RENEW_EVERY_MS);
    },
  };
  const passing = queue('a pass over everything', (name) => passes[name]?.() ?? Promise.resolve(undefined));
  const met = Promise.withResolvers<Belonging>();
  const meeting = createWorkQueue({
    async work() {
      met.resolve(await parts.home.check());
      return after(SWEEP_MS);
    },
    onError: (err, _key, retryInMs) =>
      log.warn({ err, retryInMs }, 'the cluster does not say who it is, will ask again'),
    askedToWaitMs,
    concurrency: 1,
    maxBackoffMs: 5_000,
    clock,
  });

  function lookAtAll(): void {
    for (const pass of ['sweep', 'look', 'hear', 'renew']) passing.add(pass);
  }

  async function followLog(): Promise<void> {
    const where = { types: ['deployment.*', 'rollout.*', 'version.created'] };
    const backoff = createBackoff();
    while (!closing.signal.aborted) {
      try {
        passing.add('sweep');
        for await (const message of events.follow({ where, signal: closing.signal })) {
          backoff.reset();
          passing.add('sweep');
          if (message.kind === 'event' && message.event.type === 'version.created') passing.add('unknown');
        }
      } catch (err) {
        log.warn({ err }, 'following the event log failed, will try again');
      }
      await setTimeout(backoff.next(), undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  const offs = [
    cluster.deployments.onChange(({ object }) => observing.add(keyOf(object))),
    cluster.commands.onChange(({ object }) => answering.add(keyOf(object))),
  ];
  meeting.add('the cluster');
  const following = followLog();

  return {
    met: met.promise,
    async close() {
      closing.abort();
      for (const off of offs) off();
      await Promise.all([
        ...[meeting, passing, publishing, observing, answering, renewing].map((one) => one.stop()),
        following,
      ]);
      await parts.home.close();
    },
  };
}
