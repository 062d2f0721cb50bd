/** What every part of the relay is handed. */
import type { ModelDeployment } from '../../../contract/modeldeployment.ts';
import type { Ctx, Services } from '../../../graphql/context.ts';
import type { AddressForPods } from '../../../platform/artifacts/sign.ts';
import { isNotFound } from '../../../platform/cluster/port.ts';
import { MODELDEPLOYMENTS } from '../../../platform/cluster/resources.ts';
import { ensureActor } from '../../identity/index.ts';
import { createHome, type Home } from './home.ts';

export interface Parts {
  services: Services;
  /** For batched readers, which want a context: the relay sees everything. */
  ctx: Ctx;
  addressForPods: AddressForPods;
  /** Authorities that pods have to trust to fetch from that address; undefined: the public ones do. */
  extraCaFile: string | undefined;
  /** The actor behind what the controller reports. */
  controllerId: string;
  /** The actor behind what the relay itself does. */
  relayId: string;
  home: Home;
  /** The actor behind what another writer of the cluster did: `kubectl`. */
  actor(name: string): Promise<string>;
}

export async function createParts(
  services: Services,
  addressForPods: AddressForPods,
  { extraCaFile, ...options }: Parameters<typeof createHome>[1] & { extraCaFile?: string | undefined },
): Promise<Parts> {
  const actor = async (name: string): Promise<string> => (await ensureActor(services.db, 'SYSTEM', name)).id;
  const controllerId = await actor('controller');
  const relayId = await actor('relay');
  const principal = { actorId: controllerId, name: 'relay', isPlatformAdmin: true };
  const parts = {
    services,
    addressForPods,
    extraCaFile,
    controllerId,
    relayId,
    actor,
    ctx: { ...services, principal, requestId: 'relay', loaders: new Map() },
  };
  return { ...parts, home: createHome(parts, options) };
}

/** As the API server has it now: a cache may be behind. */
export async function liveResource(
  { services }: Parts,
  { namespace, name }: { namespace: string; name: string },
): Promise<ModelDeployment | undefined> {
  try {
    return await services.cluster.port.get<ModelDeployment>(MODELDEPLOYMENTS, name, namespace);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
