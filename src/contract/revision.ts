/** What makes two revisions the same: the hash that names a revision's children, for the controller that makes them and the API that shows them. */
import { createHash } from 'node:crypto';
import { canonical } from '../lib/canonical.ts';
import type { ModelDeploymentSpec } from './modeldeployment.ts';

/** Replicas, strategy and the place of the artifact are not part of a revision; its digest is. What is empty was not said. */
export function hashOf({
  model,
  runtime,
  resources,
  placement,
}: Pick<ModelDeploymentSpec, 'model' | 'runtime' | 'resources' | 'placement'>): string {
  const { name, version, format, artifact } = model;
  const identity = { name, version, format, digest: artifact.digest, runtime, resources, placement };
  return createHash('sha256').update(canonical(identity, 'empty')).digest('hex').slice(0, 10);
}
