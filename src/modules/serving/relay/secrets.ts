/**
 * The Secret that pods of a deployment fetch their artifact with: a URL signed for each digest that may have to be fetched,
 * a line each. Never a person's token. One Secret for all, so that whoever changes the version with kubectl need not know it.
 * Beside them, in `ca.crt`, the authorities of the company's own that the relay trusts itself.
 */
import { readFile } from 'node:fs/promises';
import { LABELS, RELAY_MANAGER } from '../../../contract/names.ts';
import { certificatesIn } from '../../../lib/pem.ts';
import { storable } from '../../../lib/text.ts';
import { isNotFound, isRefusal } from '../../../platform/cluster/port.ts';
import { SECRETS } from '../../../platform/cluster/resources.ts';
import { statement } from '../../../platform/db/db.ts';
import { secretName } from '../spec.ts';
import type { DeploymentRow } from '../tables.ts';
import type { Parts } from './parts.ts';

/** How long a pod may fetch with the URL it was given. Renewed when half of it is over. */
const URL_VALID_MS = 24 * 3_600_000;
export const RENEW_EVERY_MS = URL_VALID_MS / 2;

/** What is wanted, and what serves. */
const selectLiveDigests = statement<{ digest: string }>(
  'liveDigests',
  `select v.digest from clops.deployments d join clops.model_versions v on v.id = d.version_id where d.id = $1
   union select v.digest from clops.deployments d join clops.revisions r on r.deployment_id = d.id
     and r.hash in (d.status -> 'stable' ->> 'hash', d.status -> 'canary' ->> 'hash')
   join clops.model_versions v on v.id = r.version_id where d.id = $1 order by 1`,
);

/** A Secret holds 1 MiB. The bundle of a cloud has 0.2. */
const MAX_AUTHORITIES_BYTES = 512 * 1024;

type Named = Pick<DeploymentRow, 'id' | 'namespace' | 'name'>;

export async function writeSecret(parts: Parts, { id, namespace, name }: Named): Promise<void> {
  const { services, addressForPods } = parts;
  const { db, clock, cluster } = services;
  const digests = await db.read(selectLiveDigests, [id]);
  const expiresAt = clock.now() + URL_VALID_MS;
  const urls = await Promise.all(digests.map(({ digest }) => addressForPods(digest, expiresAt)));
  const authorities = await authoritiesOf(parts);
  const labels = { [LABELS.managedBy]: 'clops', [LABELS.deployment]: name };
  await cluster.port.apply(
    SECRETS,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretName(name), namespace, labels },
      type: 'Opaque',
      data: { url: base64(`${urls.join('\n')}\n`), ...(authorities && { 'ca.crt': base64(authorities) }) },
    },
    { fieldManager: RELAY_MANAGER, force: true },
  );
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Read each time, as it may be renewed. What cannot be read is left out, as Node.js does with its own copy of it. */
async function authoritiesOf({ extraCaFile, services: { log } }: Parts): Promise<string | undefined> {
  if (extraCaFile === undefined) return undefined;
  try {
    const { certificates, unreadable } = certificatesIn(await readFile(extraCaFile, 'utf8'));
    if (unreadable > 0) log.warn({ extraCaFile, unreadable }, 'pods are not given certificates that cannot be read');
    const text = certificates.map((certificate) => `${certificate}\n`).join('');
    if (text.length <= MAX_AUTHORITIES_BYTES) return text || undefined;
    log.warn(
      { extraCaFile, bytes: text.length },
      `pods are not given authorities of over ${MAX_AUTHORITIES_BYTES} bytes`,
    );
  } catch (err) {
    log.warn({ err, extraCaFile }, 'pods are given no authorities: the file cannot be read');
  }
  return undefined;
}

/**
 * Answers what there is to be told of it. Somebody's own, which a policy keeps, must not keep the deployment; what the relay
 * has written in it is of no use after a day.
 */
export async function deleteSecret({ services }: Parts, { namespace, name }: Omit<Named, 'id'>): Promise<string> {
  const secret = secretName(name);
  try {
    await services.cluster.port.delete(SECRETS, secret, namespace);
  } catch (error) {
    if (isRefusal(error))
      return `; its Secret ${secret} is left, as the cluster refuses to delete it: ${storable(error.message)}`;
    if (!isNotFound(error)) throw error;
  }
  return '';
}
