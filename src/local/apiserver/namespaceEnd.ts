/** What a namespace that is ending says of itself: what is left in it, and which finalizers hold that. */
import type { KubeObject } from '../../platform/cluster/port.ts';
import { isObject, listAt, type Plain } from './json.ts';

export interface Leftover {
  /** `plural.group`, with the dot also where there is no group: Kubernetes' own way of writing it here. */
  resource: string;
  object: KubeObject;
}

function counted(names: readonly string[], words: (name: string, count: number) => string): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => words(name, count))
    .join(', ');
}

/** The namespace's conditions as they should be; those that stay keep their time. */
export function endingConditions(namespace: KubeObject, left: readonly Leftover[], now: string): Plain[] {
  const resources = counted(
    left.map(({ resource }) => resource),
    (name, count) => `${name} has ${count} resource instances`,
  );
  const finalizers = counted(
    left.flatMap(({ object }) => object.metadata.finalizers ?? []),
    (name, count) => `${name} in ${count} resource instances`,
  );
  const said: readonly (readonly [type: string, status: string, reason: string, message: string])[] = [
    ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    [
      'NamespaceDeletionContentFailure',
      'False',
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    resources === ''
      ? ['NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed']
      : ['NamespaceContentRemaining', 'True', 'SomeResourcesRemain', `Some resources are remaining: ${resources}`],
    finalizers === ''
      ? [
          'NamespaceFinalizersRemaining',
          'False',
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ]
      : [
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${finalizers}`,
        ],
  ];
  const before = listAt(namespace.status, 'conditions').filter(isObject);
  return said.map(([type, status, reason, message]) => {
    const old = before.find((one) => one['type'] === type);
    const lastTransitionTime = old?.['status'] === status ? old['lastTransitionTime'] : now;
    return { type, status, lastTransitionTime, reason, message };
  });
}
