/**
 * The one operation gate, for HTTP and WebSocket alike: what an operation may cost is decided from its text and
 * variables before anything runs. Over graphql-ws nothing that Apollo protects applies, so the rules live here.
 */
import {
  type ASTNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

export const LIMITS = {
  maxTokens: 2_000,
  maxDepth: 15,
  maxAliases: 30,
  maxDirectives: 30,
  maxRootFields: 20,
  maxCost: 20_000,
  maxSubscriptionsPerSocket: 100,
} as const;

const INTROSPECTION_DEPTH = 20;

export interface Measured {
  depth: number;
  aliases: number;
  directives: number;
  rootFields: number;
  cost: number;
}

/** Errors for an operation that is too large; empty when it may run. The document has passed validation. */
export function checkLimits(
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Record<string, unknown>,
): GraphQLError[] {
  const operation = document.definitions.find(
    (node): node is OperationDefinitionNode =>
      node.kind === Kind.OPERATION_DEFINITION && (!operationName || node.name?.value === operationName),
  );
  if (!operation) return [];
  const m = measure(document, operation, variables);
  const introspects = operation.selectionSet.selections.every(
    (s) => s.kind === Kind.FIELD && s.name.value.startsWith('__'),
  );
  const over = [
    over_(m.depth, introspects ? INTROSPECTION_DEPTH : LIMITS.maxDepth, 'levels deep'),
    over_(m.aliases, LIMITS.maxAliases, 'aliases'),
    over_(m.directives, LIMITS.maxDirectives, 'directives'),
    over_(m.rootFields, LIMITS.maxRootFields, 'root fields'),
    over_(m.cost, LIMITS.maxCost, 'objects at most (lists count `first` times what is in them)'),
  ].filter((text) => text !== null);
  return over.map(
    (text) => new GraphQLError(`The operation is too large: ${text}.`, { extensions: { code: 'LIMIT_EXCEEDED' } }),
  );
}

const over_ = (value: number, limit: number, what: string): string | null =>
  value > limit ? `${value} ${what}, allowed are ${limit}` : null;

function measure(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Record<string, unknown>,
): Measured {
  const fragments = new Map(
    document.definitions
      .filter((n): n is FragmentDefinitionNode => n.kind === Kind.FRAGMENT_DEFINITION)
      .map((n) => [n.name.value, n]),
  );
  const result: Measured = { depth: 0, aliases: 0, directives: 0, rootFields: 0, cost: 0 };
  const active = new Set<string>();

  function walk(set: SelectionSetNode, depth: number, times: number): void {
    for (const node of set.selections) {
      result.directives += node.directives?.length ?? 0;
      if (node.kind === Kind.FIELD) {
        if (node.alias) result.aliases++;
        if (depth === 1) result.rootFields++;
        result.depth = Math.max(result.depth, depth);
        if (!node.selectionSet) continue;
        const first = node.arguments?.find((a) => a.name.value === 'first' || a.name.value === 'last');
        const isList = first !== undefined || selects(node.selectionSet, ['edges', 'nodes']);
        const size = isList ? (first ? numberOf(first.value, variables) : 20) : 1;
        const inner = Math.min(times * Math.max(1, size), 1e12);
        result.cost += inner;
        walk(node.selectionSet, depth + 1, inner);
      } else if (node.kind === Kind.INLINE_FRAGMENT) {
        walk(node.selectionSet, depth, times);
      } else {
        const name = node.name.value;
        const fragment = fragments.get(name);
        if (!fragment || active.has(name)) continue;
        active.add(name);
        walk(fragment.selectionSet, depth, times);
        active.delete(name);
      }
      if (result.cost > 1e12) return;
    }
  }
  walk(operation.selectionSet, 1, 1);
  return result;
}

function selects(set: SelectionSetNode, names: readonly string[]): boolean {
  return set.selections.some((node: ASTNode) => node.kind === Kind.FIELD && names.includes(node.name.value));
}

function numberOf(value: ValueNode, variables: Record<string, unknown>): number {
  if (value.kind === Kind.INT) return Number(value.value);
  if (value.kind === Kind.VARIABLE) {
    const given = variables[value.name.value];
    return typeof given === 'number' ? given : 20;
  }
  return 20;
}
