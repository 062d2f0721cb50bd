/**
 * A revision: its hash, and the ControllerRevision that keeps it whole. The runtime is copied into it, so that an edit of
 * a ServingRuntime never replaces the pods of what runs behind everybody's back; the next revision takes the new one.
 */
import { createHash } from 'node:crypto';
import type { ModelDeployment, ModelDeploymentSpec } from '../../contract/modeldeployment.ts';
import type { ServingRuntime } from '../../contract/servingruntime.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { Snapshot } from '../kinds.ts';
import { childOf } from './child.ts';

/** Replicas, strategy and the place of the artifact are not part of a revision; its digest is. */
export function hashOf({ model, runtime, resources, placement }: ModelDeploymentSpec): string {
  const { name, version, format, artifact } = model;
  const identity = { name, version, format, digest: artifact.digest, runtime, resources, placement };
  return createHash('sha256').update(canonical(identity)).digest('hex').slice(0, 10);
}

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

/** JSON with sorted keys and without what is undefined or empty, so that equal meanings hash alike. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, member]) => !isEmpty(member));
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
