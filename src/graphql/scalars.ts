/** The scalars of the contract. graphql-scalars where it has one, with a description a client can work from. */
import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { GraphQLDateTimeISO, GraphQLJSONObject, GraphQLSafeInt } from 'graphql-scalars';

const bad = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });

const renamed = (from: GraphQLScalarType, name: string, description: string): GraphQLScalarType =>
  new GraphQLScalarType({ ...from.toConfig(), name, description, astNode: null, extensionASTNodes: [] });

function text(name: string, description: string, pattern: RegExp, example: string): GraphQLScalarType<string, string> {
  const parse = (value: unknown): string => {
    if (typeof value === 'string' && value.length <= 2048 && pattern.test(value)) return value;
    throw bad(`${name} must look like ${example}.`);
  };
  return new GraphQLScalarType({
    name,
    description,
    serialize: (value) => String(value),
    parseValue: parse,
    parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : undefined),
  });
}

export const DateTime = renamed(
  GraphQLDateTimeISO,
  'DateTime',
  'ISO 8601 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`.',
);
export const JSONObject = renamed(GraphQLJSONObject, 'JSONObject', 'A JSON object.');
export const SafeInt = renamed(GraphQLSafeInt, 'SafeInt', 'Bytes and other integers up to 2^53.');
export const Cursor = text(
  'Cursor',
  'Opaque position in an ordered stream or list. Keep it as it is.',
  /^[A-Za-z0-9_-]+$/,
  'a cursor that an earlier answer gave',
);
export const Quantity = text(
  'Quantity',
  'Kubernetes resource quantity: `500m`, `16Gi`.',
  /^/, // what is none is a typed answer of the command, with its path
  '`500m` or `16Gi`',
);

/** Number or text; which of them mean something is a typed answer of the command, with its path. */
function intOrPercent(value: unknown): number | string {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  if (typeof value === 'string') return value;
  throw bad('IntOrPercent must be a whole number, or a percentage such as "25%".');
}

export const IntOrPercent = new GraphQLScalarType({
  name: 'IntOrPercent',
  description: 'A count or a percentage: `1`, `"25%"`.',
  serialize: (value) => value as number | string,
  parseValue: intOrPercent,
  parseLiteral: (node) =>
    intOrPercent(node.kind === Kind.INT ? Number(node.value) : node.kind === Kind.STRING ? node.value : undefined),
});
