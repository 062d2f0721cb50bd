/**
 * A revision: its hash, and the ControllerRevision that keeps it whole. The runtime is copied into it, so that an edit of
 * a ServingRuntime never replaces the pods of what runs behind everybody's back; the next revision takes the new one.
 */
import type { ModelDeployment, ModelDeploymentSpec } from '../../contract/modeldeployment.ts';
import type { ServingRuntime } from '../../contract/servingruntime.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { Snapshot } from '../kinds.ts';
import { childOf } from './child.ts';

export function snapshotOf(spec: ModelDeploymentSpec, { spec: runtime }: ServingRuntime): Snapshot {
  const { container, fetch, capabilities, defaultResources } = runtime;
  return {
    model: spec.model,
    runtimeName: spec.runtime,
    runtime: { container, fetch, ...(capabilities && { capabilities }), ...(defaultResources && { defaultResources }) },
    ...(spec.resources && { resources: spec.resources }),
    ...(spec.placement && { placement: spec.placement }),
  };
}

export function desiredRevision(owner: ModelDeployment, hash: string, revision: number, data: Snapshot): KubeObject {
  return {
    ...childOf(owner, 'apps/v1', 'ControllerRevision', `${owner.metadata.name}-${hash}`, { hash }),
    data,
    revision,
  };
}
