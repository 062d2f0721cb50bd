/** A guard between a relay and the API server, which says no, or not now, to the calls that a test picks; the server knows nothing of it. */
import { createLog } from '../../src/lib/log.ts';
import { type Relay, startRelay } from '../../src/modules/serving/index.ts';
import { ApiError, type ClusterPort, type Resource } from '../../src/platform/cluster/port.ts';
import type { ServingLab } from './serving.ts';

export const DENIED = 'admission webhook "guard.example" denied the request: not on a Friday';
export const denied = () => new ApiError({ code: 403, reason: 'Forbidden', message: DENIED });
export const AWAY = 'Internal error occurred: failed calling webhook "guard.example": connection refused';
export const away = () => new ApiError({ code: 500, reason: 'InternalError', message: AWAY });
/** That of one object says nothing of others, though it is no refusal. */
export const late = () =>
  new ApiError({ code: 504, reason: 'Timeout', message: 'request did not complete within 1ms' });

/** What stands between a relay and the API server: answers a call instead of it, or lets it through. */
type Guard = (verb: 'apply' | 'create' | 'delete' | 'get', kind: string, name: string) => Promise<void> | void;

/** With a relay behind the guard instead of the lab's. `waits`: how long it says that it waits, by what it waits for. */
export async function behind(
  lab: ServingLab,
  guard: Guard,
  act: (relay: Relay, waits: Map<string, number>) => Promise<void>,
): Promise<void> {
  await lab.stopRelay();
  const { cluster } = lab.services;
  const port: ClusterPort = {
    ...cluster.port,
    async apply(resource, object, options) {
      await guard('apply', resource.kind, object.metadata.name);
      return cluster.port.apply(resource, object, options);
    },
    async create(resource, object, options) {
      await guard('create', resource.kind, object.metadata.name);
      return cluster.port.create(resource, object, options);
    },
    async delete(resource, name, ...more) {
      await guard('delete', resource.kind, name);
      return cluster.port.delete(resource, name, ...more);
    },
    async get(resource, name, ...more) {
      await guard('get', resource.kind, name);
      return cluster.port.get(resource, name, ...more);
    },
  };
  const waits = new Map<string, number>();
  const write = (line: string): void => {
    const { msg, retryInMs } = JSON.parse(line) as { msg: string; retryInMs?: number };
    if (retryInMs !== undefined) waits.set(msg, retryInMs);
  };
  const log = createLog({ role: 'relay', level: 'warn', destination: { write } });
  const relay = await startRelay({ ...lab, services: { ...lab.services, log, cluster: { ...cluster, port } } });
  try {
    await act(relay, waits);
  } finally {
    await relay.close();
    await lab.startRelay();
  }
}

/** For guards that stop a call of one verb to one kind, of this name or whatever name. */
export const stops =
  (verb: string, { kind }: Resource, name?: string) =>
  (...call: Parameters<Guard>) =>
    call[0] === verb && call[1] === kind && (name === undefined || call[2] === name);
