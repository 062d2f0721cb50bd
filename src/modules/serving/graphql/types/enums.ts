/** A GraphQL enum whose values are their own names. */

export const enumOf = <const T extends string>(...values: T[]): Record<T, T> =>
  Object.fromEntries(values.map((value) => [value, value])) as Record<T, T>;
