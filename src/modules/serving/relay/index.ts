/** The relay: tells the cluster what is wanted and takes in what it reports. Woken by the event log and by informers. */
import { and, eq } from 'drizzle-orm';
import type { RolloutCommand } from '../../../contract/rolloutcommand.ts';
import type { Services } from '../../../graphql/context.ts';
import { nameToId } from '../../../lib/id.ts';
import { createWorkQueue } from '../../../lib/workqueue.ts';
import type { UrlSigner } from '../../../platform/artifacts/sign.ts';
import { createInformer, keyOf } from '../../../platform/cluster/informer.ts';
import { ROLLOUTCOMMANDS } from '../../../platform/cluster/resources.ts';
import { statement } from '../../../platform/db/db.ts';
import { operations } from '../../../platform/events/tables.ts';
import { ensureActor } from '../../identity/index.ts';
import { commands } from '../tables.ts';
import { createObserver } from './observe.ts';
import { createPublisher, RENEW_EVERY_MS, selectUnpublished } from './publish.ts';

const selectPresent = statement<{ id: string; key: string }>(
  'presentDeployments',
  `select d.id, d.namespace || '/' || d.name as key from clops.deployments d where d.gone_at is null`,
);

/** A wake-up that was lost costs this long at most. */
const SWEEP_MS = 30_000;

export interface Relay {
  close(): Promise<void>;
}

export async function startRelay({ services, signer }: { services: Services; signer: UrlSigner }): Promise<Relay> {
  const { db, events, cluster, log, clock } = services;
  const closing = new AbortController();
  const controller = await ensureActor(db, 'SYSTEM', 'controller');
  const publisher = createPublisher({ services, signer });
  const observer = createObserver({ services, controllerActorId: controller.id });
  const failed = (what: string) => (err: unknown, key: string, retryInMs: number) =>
    log.warn({ err, key, retryInMs }, `${what} failed, will try again`);

  const publishing = createWorkQueue({
    work: async (id) => void (await publisher.publish(id)),
    onError: failed('publishing'),
  });
  const renewing = createWorkQueue({
    work: async (id) => void (await publisher.renewSecrets(id)),
    onError: failed('renewing artifact URLs'),
    concurrency: 1,
  });
  const observing = createWorkQueue({
    work: async (key) => void (await observer.observe(key)),
    onError: failed('taking in a status'),
  });
  const answering = createWorkQueue({
    work: async (key) => void (await takeAnswer(key)),
    onError: failed('taking in an answer'),
  });

  const answers = createInformer<RolloutCommand>({ cluster: cluster.port, resource: ROLLOUTCOMMANDS, log, clock });

  /** What the controller answered to a verb ends the operation. */
  async function takeAnswer(key: string): Promise<void> {
    const command = answers.get(key);
    if (!command?.status) return;
    const operationId = nameToId(command.metadata.name);
    const { state, message } = command.status;
    await db.tx(async (tx) => {
      const [row] = await tx.q
        .update(commands)
        .set({ state: state === 'Done' ? 'DONE' : 'REFUSED' })
        .where(and(eq(commands.operationId, operationId), eq(commands.state, 'PUBLISHED')))
        .returning();
      if (!row) return;
      await tx.q
        .update(operations)
        .set(state === 'Done' ? { state: 'SUCCEEDED' } : { state: 'FAILED', error: message })
        .where(eq(operations.id, operationId));
      if (state === 'Done') return;
      await events.append(tx, [
        {
          type: 'rollout.command_refused',
          subject: row.rolloutId,
          actor: controller.id,
          operation: operationId,
          about: [row.deploymentId],
          message: `${row.verb} was refused: ${message}`,
          data: { verb: row.verb },
        },
      ]);
    });
  }

  async function sweep(): Promise<void> {
    for (const { id } of await db.read(selectUnpublished)) publishing.add(id);
  }

  async function followLog(): Promise<void> {
    const where = { types: ['deployment.*', 'rollout.*'] };
    for await (const _message of events.follow({ where, signal: closing.signal, heartbeatMs: SWEEP_MS })) {
      await sweep().catch((err) => log.warn({ err }, 'looking for what is to be published failed'));
    }
  }

  const offs = [
    cluster.deployments.onChange(({ object }) => observing.add(keyOf(object))),
    answers.onChange(({ object }) => answering.add(keyOf(object))),
  ];
  answers.start();
  await sweep();
  const following = followLog().catch((err) => log.error({ err }, 'following the event log failed'));
  // What was deleted while no relay ran has left no watch event: every present row is looked at once.
  const first = cluster.deployments.synced().then(async () => {
    if (closing.signal.aborted) return;
    for (const { key } of await db.read(selectPresent)) observing.add(key);
  });
  first.catch((err) => log.warn({ err }, 'the first look at deployments failed'));
  const renewal = setInterval(() => {
    db.read(selectPresent).then(
      (rows) => {
        for (const { id } of rows) renewing.add(id);
      },
      (err) => log.warn({ err }, 'renewing artifact URLs failed'),
    );
  }, RENEW_EVERY_MS);
  renewal.unref();

  return {
    async close() {
      closing.abort();
      clearInterval(renewal);
      for (const off of offs) off();
      await answers.stop();
      await Promise.all([publishing.stop(), renewing.stop(), observing.stop(), answering.stop(), following]);
    },
  };
}
