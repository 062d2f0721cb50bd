/** May the pod be on this node by its required node affinity? The part of Kubernetes' node selectors that labels answer. Pure. */
import type { Node, NodeSelectorTerm, Pod } from '../kinds.ts';

/** Terms are alternatives; what a term says must hold as a whole. A term that says nothing matches no node. */
export function matchesAffinity({ spec }: Pod, node: Node): boolean {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return true;
  return (required.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node));
}

function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { metadata }: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = metadata.labels ?? {};
  return (
    matchExpressions.every(({ key, operator, values }) => holds(labels[key], operator, values)) &&
    matchFields.every(({ key, operator, values }) => key === 'metadata.name' && holds(metadata.name, operator, values))
  );
}

function holds(value: string | undefined, operator: string, values: readonly string[] = []): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isWhole(value) && isWhole(values[0]) && BigInt(value) > BigInt(values[0]);
    case 'Lt':
      return isWhole(value) && isWhole(values[0]) && BigInt(value) < BigInt(values[0]);
    default:
      return false;
  }
}

const isWhole = (text: string | undefined): text is string => text !== undefined && /^-?\d{1,18}$/.test(text);
