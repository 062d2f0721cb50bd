/** What all children of a ModelDeployment have in common: owner, labels, and thereby their end with it. */

import type { ModelDeployment } from '../../contract/modeldeployment.ts';
import { API_VERSION, LABELS } from '../../contract/names.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';

export function childOf(
  { metadata }: ModelDeployment,
  apiVersion: string,
  kind: string,
  name: string,
  of: { hash?: string; version?: number } = {},
): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: metadata.namespace ?? '',
      labels: labelsOf(metadata.name, of),
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: 'ModelDeployment',
          name: metadata.name,
          uid: metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
  };
}

export const labelsOf = (
  name: string,
  { hash, version }: { hash?: string; version?: number },
): Record<string, string> => ({
  [LABELS.managedBy]: 'clops',
  [LABELS.name]: name,
  [LABELS.deployment]: name,
  ...(hash !== undefined && { [LABELS.revision]: hash }),
  ...(version !== undefined && { [LABELS.version]: String(version) }),
});

/** What a revision's children are called, its Deployment and its ControllerRevision. */
export const revisionName = (deployment: string, hash: string): string => `${deployment}-${hash}`;

/**
 * The revision that a child is of: by its name, which nobody can change. By its label, which anybody can, a Deployment was
 * once mended and deleted as superfluous in one pass, with all that served. Undefined: it is none of ours.
 */
export function hashOfChild(deployment: string, { metadata }: KubeObject): string | undefined {
  const prefix = revisionName(deployment, '');
  return metadata.name.startsWith(prefix) ? metadata.name.slice(prefix.length) : undefined;
}

/** Selects the pods of one revision. */
export const selectorOf = (name: string, hash: string): Record<string, string> => ({
  [LABELS.deployment]: name,
  [LABELS.revision]: hash,
});
