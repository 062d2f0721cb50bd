/**
 * Whether a request may be sent again. A query may. A mutation may when it carries an idempotency key, because the API
 * then answers the second one with the effect of the first; every mutation takes one as `input.idempotencyKey`.
 */
import { randomUUID } from 'node:crypto';
import type { FieldNode, ObjectValueNode, OperationDefinitionNode, ValueNode } from 'graphql';

export interface Repeatable {
  /** With a key where one was missing and there was a place for it. */
  variables: unknown;
  /** Sending it more than once has one effect. */
  repeats: boolean;
}

type Variables = Readonly<Record<string, unknown>>;

/** Gives a mutation of one field a key, where its input is a variable. A key that the caller chose stays. */
export async function repeatable(query: string, variables: unknown): Promise<Repeatable> {
  // The parser is loaded for what may be a mutation only: a query has no need to wait for it.
  if (!/\bmutation\b/.test(query)) return { variables, repeats: true };
  const operations = await operationsOf(query);
  if (!operations?.some(({ operation }) => operation === 'mutation')) return { variables, repeats: true };
  const field = onlyField(operations);
  const given = isObject(variables) ? variables : {};
  const input = field?.arguments?.find(({ name }) => name.value === 'input')?.value;
  if (input?.kind === 'Variable') return withKey(input.name.value, given);
  return { variables, repeats: input?.kind === 'ObjectValue' && hasKey(input, given) };
}

/** Undefined for what is no GraphQL: the server refuses it, and does nothing. */
async function operationsOf(query: string): Promise<OperationDefinitionNode[] | undefined> {
  const { GraphQLError, Kind, parse } = await import('graphql');
  try {
    return parse(query).definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  } catch (error) {
    if (error instanceof GraphQLError) return undefined;
    throw error;
  }
}

/** One key for several fields would make one effect of them. */
function onlyField([operation, ...others]: readonly OperationDefinitionNode[]): FieldNode | undefined {
  const [selection, ...more] = operation?.selectionSet.selections ?? [];
  return others.length === 0 && more.length === 0 && selection?.kind === 'Field' ? selection : undefined;
}

function withKey(name: string, variables: Variables): Repeatable {
  const input = variables[name];
  if (!isObject(input)) return { variables, repeats: false };
  const idempotencyKey = input['idempotencyKey'] ?? randomUUID();
  return { variables: { ...variables, [name]: { ...input, idempotencyKey } }, repeats: true };
}

function hasKey(input: ObjectValueNode, variables: Variables): boolean {
  const key: ValueNode | undefined = input.fields.find(({ name }) => name.value === 'idempotencyKey')?.value;
  if (key?.kind === 'Variable') return typeof variables[key.name.value] === 'string';
  return key?.kind === 'StringValue';
}

const isObject = (value: unknown): value is Variables =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
