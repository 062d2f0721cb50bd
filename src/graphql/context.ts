/** What every resolver, reader and command is handed first. One per request, and one per delivered event of a stream. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ArtifactStore } from '../platform/artifacts/port.ts';
import type { ClusterView } from '../platform/cluster/view.ts';
import type { Db } from '../platform/db/db.ts';
import type { EventLog } from '../platform/events/log.ts';
import type { TrafficCounts } from '../platform/metrics/gateway.ts';
import type { LiveTraffic } from '../platform/metrics/live.ts';
import type { Loaders } from './batch.ts';

/** Who asks. Travels to every reader, so that rights can be narrowed without touching each one. */
export interface Principal {
  readonly actorId: string;
  readonly name: string;
  readonly isPlatformAdmin: boolean;
}

/** What lives as long as the process. */
export interface Services {
  readonly db: Db;
  readonly events: EventLog;
  readonly cluster: ClusterView;
  readonly traffic: TrafficCounts;
  readonly live: LiveTraffic;
  readonly artifacts: ArtifactStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: Settings;
}

export interface Settings {
  readonly version: string;
  /** Where artifacts are put and got: `http://127.0.0.1:4000/artifacts`. */
  readonly artifactsUrl: string;
  readonly maxArtifactBytes: number;
  readonly clusterName: string;
  /** The Gateway that routes of deployments are attached to. */
  readonly gateway: { readonly namespace: string; readonly name: string };
}

export interface Ctx extends Services {
  readonly principal: Principal;
  readonly requestId: string;
  readonly loaders: Loaders;
}
