/** What makes two revisions the same: the hash that names a revision's children, for the controller that makes them and the API that shows them. */
import { createHash } from 'node:crypto';
import type { ModelDeploymentSpec } from './modeldeployment.ts';

/** Replicas, strategy and the place of the artifact are not part of a revision; its digest is. */
export function hashOf({
  model,
  runtime,
  resources,
  placement,
}: Pick<ModelDeploymentSpec, 'model' | 'runtime' | 'resources' | 'placement'>): string {
  const { name, version, format, artifact } = model;
  const identity = { name, version, format, digest: artifact.digest, runtime, resources, placement };
  return createHash('sha256').update(canonical(identity)).digest('hex').slice(0, 10);
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
