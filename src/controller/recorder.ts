/**
 * Kubernetes Events for what happened: what `kubectl describe` and `kubectl get events` show. One for each visit, since what
 * happens at once is one story and each is a request. Best effort, never in the way.
 */

import type { ModelDeployment } from '../contract/modeldeployment.ts';
import { API_VERSION, CONTROLLER_MANAGER, SYSTEM_NAMESPACE } from '../contract/names.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { startOf } from '../lib/text.ts';
import type { ClusterPort } from '../platform/cluster/port.ts';
import { EVENTS } from '../platform/cluster/resources.ts';
import type { Happening } from './rollout/types.ts';

export interface Recorder {
  record(md: ModelDeployment, happenings: readonly Happening[]): Promise<void>;
}

export function createRecorder(cluster: ClusterPort, clock: Clock, log: Log, instance: string): Recorder {
  let count = 0;
  return {
    async record({ metadata }, happenings) {
      // Named after what matters most, or else where it has led to.
      const named = happenings.find(({ type }) => type === 'Warning') ?? happenings.at(-1);
      if (!named) return;
      const { type, reason } = named;
      const message = happenings.map((happening) => happening.message).join(' ');
      const at = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
      const suffix = `${clock.now().toString(16)}${(count++ % 4096).toString(16).padStart(3, '0')}`;
      const { name, uid = '', resourceVersion = '', namespace = SYSTEM_NAMESPACE } = metadata;
      const event = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${name}.${suffix}`, namespace },
        involvedObject: { apiVersion: API_VERSION, kind: 'ModelDeployment', name, namespace, uid, resourceVersion },
        type,
        reason,
        message: startOf(message, 1000),
        source: { component: CONTROLLER_MANAGER },
        reportingComponent: CONTROLLER_MANAGER,
        reportingInstance: instance.slice(0, 128),
        firstTimestamp: at,
        lastTimestamp: at,
        count: 1,
      };
      try {
        await cluster.create(EVENTS, event, { fieldManager: CONTROLLER_MANAGER });
      } catch (error) {
        log.debug({ err: error, reason, deployment: name }, 'an event was not recorded');
      }
    },
  };
}
