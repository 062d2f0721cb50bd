/**
 * Row → custom resource. Publishes the row as it is now, whatever event woke it: late, repeated and reordered wake-ups are
 * harmless. Only a generation that the cluster has not been told is published, so an edit with kubectl stands until
 * somebody changes the row again.
 */
import { and, eq, inArray, sql } from 'drizzle-orm';
import { ANNOTATIONS, API_VERSION, LABELS, RELAY_MANAGER } from '../../../contract/names.ts';
import type { CommandVerb } from '../../../contract/rolloutcommand.ts';
import type { Services } from '../../../graphql/context.ts';
import { idToName } from '../../../lib/id.ts';
import type { UrlSigner } from '../../../platform/artifacts/sign.ts';
import { isAlreadyExists, isNotFound } from '../../../platform/cluster/port.ts';
import { MODELDEPLOYMENTS, NAMESPACES, ROLLOUTCOMMANDS, SECRETS } from '../../../platform/cluster/resources.ts';
import { columns, statement } from '../../../platform/db/db.ts';
import { operations } from '../../../platform/events/tables.ts';
import { secretName, specOf } from '../spec.ts';
import { type CommandRow, commands, type DeploymentRow, deployments } from '../tables.ts';

/** How long a pod may fetch with the URL it was given. Renewed when half of it is over. */
const URL_VALID_MS = 24 * 3_600_000;
export const RENEW_EVERY_MS = URL_VALID_MS / 2;

interface Loaded extends DeploymentRow {
  modelName: string;
  number: number;
  format: string;
  digest: string;
  sizeBytes: number;
  teamName: string;
}

const selectForPublishing = statement<Loaded>(
  'deploymentForPublishing',
  `select ${columns(deployments, 'd')}, m.name as "modelName", v.number, v.format, v.digest, v.size_bytes as "sizeBytes", t.name as "teamName"
   from clops.deployments d join clops.models m on m.id = d.model_id join clops.model_versions v on v.id = d.version_id
   join clops.teams t on t.id = d.team_id where d.id = $1`,
);
/** Commands whose rollout the controller has begun: before that they would be refused. */
const selectPendingCommands = statement<CommandRow & { number: number }>(
  'pendingCommands',
  `select ${columns(commands, 'c')}, o.number from clops.rollout_commands c join clops.rollouts o on o.id = c.rollout_id
   where c.deployment_id = $1 and c.state = 'PENDING' and o.number is not null order by c.operation_id`,
);
export const selectUnpublished = statement<{ id: string }>(
  'unpublishedDeployments',
  `select d.id from clops.deployments d where d.published_generation < d.generation and d.gone_at is null
   union select c.deployment_id from clops.rollout_commands c where c.state = 'PENDING'`,
);
/** Digests that a pod of this deployment may have to fetch: what is wanted and what serves. */
const selectLiveDigests = statement<{ digest: string }>(
  'liveDigests',
  `select distinct v.digest from clops.deployments d
   join clops.revisions r on r.deployment_id = d.id join clops.model_versions v on v.id = r.version_id or v.id = d.version_id
   where d.id = $1 and (v.id = d.version_id or r.hash in (d.status -> 'stable' ->> 'hash', d.status -> 'canary' ->> 'hash'))`,
);

export interface Publisher {
  publish(deploymentId: string): Promise<void>;
  /** Signs the artifact URLs of a deployment anew. */
  renewSecrets(deploymentId: string): Promise<void>;
}

export function createPublisher({ services, signer }: { services: Services; signer: UrlSigner }): Publisher {
  const { db, clock, settings } = services;
  const cluster = services.cluster.port;

  async function publish(id: string): Promise<void> {
    const [row] = await db.read(selectForPublishing, [id]);
    if (!row || row.goneAt) return;
    if (row.deleteRequestedAt) await publishDeletion(row);
    else if (row.publishedGeneration < row.generation) await publishSpec(row);
    for (const command of await db.read(selectPendingCommands, [id])) await publishCommand(row, command);
  }

  async function publishSpec(row: Loaded): Promise<void> {
    const { namespace, name } = row;
    await cluster.apply(
      NAMESPACES,
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace, labels: { [LABELS.managedBy]: 'clops', [ANNOTATIONS.team]: row.teamName } },
      },
      { fieldManager: RELAY_MANAGER, force: true },
    );
    await writeSecret(row, row.digest);
    const version = { number: row.number, format: row.format, digest: row.digest, sizeBytes: row.sizeBytes };
    const applied = await cluster.apply(
      MODELDEPLOYMENTS,
      {
        apiVersion: API_VERSION,
        kind: 'ModelDeployment',
        metadata: {
          name,
          namespace,
          labels: { [LABELS.managedBy]: 'clops', [LABELS.name]: name },
          annotations: {
            [ANNOTATIONS.id]: row.id,
            [ANNOTATIONS.generation]: String(row.generation),
            ...(row.operationId && { [ANNOTATIONS.operation]: row.operationId }),
            ...(row.rolloutId && { [ANNOTATIONS.rollout]: row.rolloutId }),
          },
        },
        spec: specOf(row, version, row.modelName, settings.artifactsUrl),
      },
      { fieldManager: RELAY_MANAGER, force: true },
    );
    await db.tx(async (tx) => {
      const published = sql`greatest(${deployments.publishedGeneration}, ${row.generation})`;
      await tx.q
        .update(deployments)
        .set({ publishedGeneration: published, uid: applied.metadata.uid ?? null })
        .where(eq(deployments.id, row.id));
      if (row.operationId)
        await tx.q
          .update(operations)
          .set({ state: 'PUBLISHED' })
          .where(and(eq(operations.id, row.operationId), eq(operations.state, 'ACCEPTED')));
    });
  }

  async function publishDeletion(row: Loaded): Promise<void> {
    let isGone = row.publishedGeneration === 0;
    try {
      await cluster.delete(MODELDEPLOYMENTS, row.name, row.namespace, { propagationPolicy: 'Background' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      isGone = true;
    }
    await db.tx(async (tx) => {
      await tx.q.update(deployments).set({ publishedGeneration: row.generation }).where(eq(deployments.id, row.id));
      if (row.operationId)
        await tx.q
          .update(operations)
          .set({ state: 'PUBLISHED' })
          .where(and(eq(operations.id, row.operationId), eq(operations.state, 'ACCEPTED')));
    });
    if (isGone) await markGone(services, row.id, null);
  }

  async function publishCommand(row: Loaded, command: CommandRow & { number: number }): Promise<void> {
    const { operationId, verb, to, reason, by, number } = command;
    try {
      await cluster.create(
        ROLLOUTCOMMANDS,
        {
          apiVersion: API_VERSION,
          kind: 'RolloutCommand',
          metadata: {
            name: idToName(operationId),
            namespace: row.namespace,
            labels: { [LABELS.managedBy]: 'clops', [LABELS.deployment]: row.name },
            ...(row.uid && {
              ownerReferences: [{ apiVersion: API_VERSION, kind: 'ModelDeployment', name: row.name, uid: row.uid }],
            }),
          },
          spec: {
            deployment: row.name,
            rollout: number,
            verb: verb satisfies CommandVerb,
            ...(to && { to }),
            ...(reason && { reason }),
            by,
          },
        },
        { fieldManager: RELAY_MANAGER },
      );
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    await db.tx(async (tx) => {
      await tx.q
        .update(commands)
        .set({ state: 'PUBLISHED' })
        .where(and(eq(commands.operationId, operationId), eq(commands.state, 'PENDING')));
      await tx.q
        .update(operations)
        .set({ state: 'PUBLISHED' })
        .where(and(eq(operations.id, operationId), eq(operations.state, 'ACCEPTED')));
    });
  }

  async function writeSecret(
    { namespace, name }: Pick<DeploymentRow, 'namespace' | 'name'>,
    digest: string,
  ): Promise<void> {
    const url = signer.sign(digest, clock.now() + URL_VALID_MS);
    await cluster.apply(
      SECRETS,
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: secretName(name, digest),
          namespace,
          labels: { [LABELS.managedBy]: 'clops', [LABELS.deployment]: name },
        },
        type: 'Opaque',
        data: { url: Buffer.from(url).toString('base64') },
      },
      { fieldManager: RELAY_MANAGER, force: true },
    );
  }

  return {
    publish,
    async renewSecrets(id) {
      const [row] = await db.read(selectForPublishing, [id]);
      if (!row || row.goneAt || row.deleteRequestedAt || !row.uid) return;
      for (const { digest } of await db.read(selectLiveDigests, [id])) await writeSecret(row, digest);
    },
  };
}

/** The resource is no more. Its name is free again; its history stays. `actorId` null: as was asked for. */
export async function markGone(
  { db, events, clock, cluster }: Services,
  id: string,
  actorId: string | null,
): Promise<void> {
  const row = await db.tx(async (tx) => {
    const [gone] = await tx.q
      .update(deployments)
      .set({ goneAt: new Date(clock.now()), phase: 'DELETING' })
      .where(and(eq(deployments.id, id), sql`${deployments.goneAt} is null`))
      .returning();
    if (!gone) return undefined;
    const requested = gone.deleteRequestedAt !== null ? gone.operationId : null;
    const [operation] = requested
      ? await tx.q.update(operations).set({ state: 'SUCCEEDED' }).where(eq(operations.id, requested)).returning()
      : [];
    await tx.q
      .update(commands)
      .set({ state: 'REFUSED' })
      .where(and(eq(commands.deploymentId, id), inArray(commands.state, ['PENDING', 'PUBLISHED'])));
    const by = operation?.actorId ?? actorId ?? gone.createdBy;
    const message = requested ? `${gone.name} is gone` : `${gone.name} was deleted in the cluster, past the API`;
    await events.append(tx, [
      { type: 'deployment.deleted', subject: id, team: gone.teamId, actor: by, operation: requested, message },
    ]);
    return gone;
  });
  if (!row) return;
  const { items } = await cluster.port.list(SECRETS, {
    namespace: row.namespace,
    labelSelector: `${LABELS.deployment}=${row.name},${LABELS.managedBy}=clops`,
  });
  for (const { metadata } of items) {
    await cluster.port.delete(SECRETS, metadata.name, metadata.namespace).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}
