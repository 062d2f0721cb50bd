/**
 * The one operation gate, for HTTP and WebSocket alike: what an operation may cost is decided from its text and
 * variables before anything runs. Over graphql-ws nothing that Apollo protects applies, so the rules live here.
 */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { DEFAULT_PAGE } from './connection.ts';
import type { Size } from './size.ts';

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

interface Measured {
  depth: number;
  aliases: number;
  directives: number;
  rootFields: number;
  cost: number;
}

/** How many entries a list without pages is taken to have, unless its field says another `size`. */
const PLAIN_LIST = 10;
const ENOUGH = 1e12;

/** Errors for an operation that is too large; empty when it may run. The document has passed validation. */
export function checkLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Record<string, unknown>,
): GraphQLError[] {
  const operation = document.definitions.find(
    (node): node is OperationDefinitionNode =>
      node.kind === Kind.OPERATION_DEFINITION && (!operationName || node.name?.value === operationName),
  );
  if (!operation) return [];
  const m = measure(schema, document, operation, variables);
  const introspects = operation.selectionSet.selections.every(
    (s) => s.kind === Kind.FIELD && s.name.value.startsWith('__'),
  );
  const over = [
    beyond(m.depth, introspects ? INTROSPECTION_DEPTH : LIMITS.maxDepth, 'levels deep'),
    beyond(m.aliases, LIMITS.maxAliases, 'aliases'),
    beyond(m.directives, LIMITS.maxDirectives, 'directives'),
    beyond(m.rootFields, LIMITS.maxRootFields, 'root fields'),
    beyond(
      m.cost,
      LIMITS.maxCost,
      'objects at most (a list counts `first` times what is in it, or the size that such lists have)',
    ),
  ].filter((text) => text !== null);
  return over.map(
    (text) => new GraphQLError(`The operation is too large: ${text}.`, { extensions: { code: 'LIMIT_EXCEEDED' } }),
  );
}

const beyond = (value: number, limit: number, what: string): string | null =>
  value > limit ? `${value >= ENOUGH ? 'far too many' : value} ${what}, allowed are ${limit}` : null;

/**
 * Every fragment is measured once, however often it is spread: spreading each twice in the next makes the expanded
 * document double with every line, and 827 bytes once held the process for three seconds.
 */
function measure(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Record<string, unknown>,
): Measured {
  const fragments = new Map(
    document.definitions
      .filter((n): n is FragmentDefinitionNode => n.kind === Kind.FRAGMENT_DEFINITION)
      .map((n) => [n.name.value, n]),
  );
  const defaults = new Map(operation.variableDefinitions?.map((v) => [v.variable.name.value, v.defaultValue]));
  const known = new Map<string, Measured>();

  function ofSet(set: SelectionSetNode, type: GraphQLNamedType | undefined): Measured {
    const sum: Measured = { depth: 0, aliases: 0, directives: 0, rootFields: 0, cost: 0 };
    for (const node of set.selections) {
      sum.directives += node.directives?.length ?? 0;
      if (node.kind === Kind.FIELD) add(sum, ofField(node, type));
      else if (node.kind === Kind.FRAGMENT_SPREAD) add(sum, ofFragment(node.name.value));
      else
        add(sum, ofSet(node.selectionSet, node.typeCondition ? schema.getType(node.typeCondition.name.value) : type));
    }
    return sum;
  }

  function ofFragment(name: string): Measured {
    const present = known.get(name);
    if (present) return present;
    const fragment = fragments.get(name);
    const nothing = { depth: 0, aliases: 0, directives: 0, rootFields: 0, cost: 0 };
    known.set(name, nothing); // a cycle, which validation refuses, ends here
    const measured = fragment
      ? ofSet(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value))
      : nothing;
    known.set(name, measured);
    return measured;
  }

  function ofField(node: FieldNode, parent: GraphQLNamedType | undefined): Measured {
    const own = { depth: 1, aliases: node.alias ? 1 : 0, directives: 0, rootFields: 1, cost: 0 };
    if (!node.selectionSet) return own;
    const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
    const type = field && getNamedType(field.type);
    const inner = ofSet(node.selectionSet, isCompositeType(type) ? type : undefined);
    return {
      depth: 1 + inner.depth,
      aliases: own.aliases + inner.aliases,
      directives: inner.directives,
      rootFields: 1,
      cost: Math.min(ENOUGH, sizeOf(node, parent, field, type) * (1 + inner.cost)),
    };
  }

  function sizeOf(
    node: FieldNode,
    parent: GraphQLNamedType | undefined,
    field: GraphQLField<unknown, unknown> | undefined,
    named: GraphQLNamedType | undefined,
  ): number {
    if (parent?.name.endsWith('Connection')) return 1; // its entries were counted with `first`
    const given = (...names: (string | undefined)[]) =>
      node.arguments?.find((a) => names.includes(a.name.value))?.value;
    const first = given('first', 'last');
    if (first) return Math.max(1, numberOf(first, variables, defaults, DEFAULT_PAGE));
    if (named?.name.endsWith('Connection')) return DEFAULT_PAGE;
    const size = field?.extensions['size'] as Size | undefined;
    const argument = size && given(size.argument);
    if (argument) return Math.max(1, numberOf(argument, variables, defaults, size.entries));
    return size?.entries ?? (field && isListType(getNullableType(field.type)) ? PLAIN_LIST : 1);
  }

  return ofSet(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined);
}

/** The depth of a selection is that of its deepest part, everything else adds up. */
function add(sum: Measured, part: Measured): void {
  sum.depth = Math.max(sum.depth, part.depth);
  sum.aliases = Math.min(ENOUGH, sum.aliases + part.aliases);
  sum.directives = Math.min(ENOUGH, sum.directives + part.directives);
  sum.rootFields = Math.min(ENOUGH, sum.rootFields + part.rootFields);
  sum.cost = Math.min(ENOUGH, sum.cost + part.cost);
}

/** A number, or the length of a list; `otherwise` of what says neither. */
function numberOf(
  value: ValueNode,
  variables: Record<string, unknown>,
  defaults: ReadonlyMap<string, ValueNode | undefined>,
  otherwise: number,
): number {
  if (value.kind === Kind.INT) return Number(value.value);
  if (value.kind === Kind.LIST) return value.values.length;
  if (value.kind !== Kind.VARIABLE) return otherwise;
  const given = variables[value.name.value];
  if (typeof given === 'number') return given;
  if (Array.isArray(given)) return given.length;
  const fallback = given === undefined ? defaults.get(value.name.value) : undefined;
  return fallback && fallback.kind !== Kind.VARIABLE ? numberOf(fallback, variables, defaults, otherwise) : otherwise;
}
