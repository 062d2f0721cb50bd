/**
 * Batched readers: `load(ctx, versionsById, id)` collects the keys of one tick and asks once. A loader belongs to one
 * context, so nothing is shared between principals, requests, or the events of a stream.
 */
import DataLoader from 'dataloader';
import type { Ctx } from './context.ts';

/** Rows in key order; null for a key that has none. */
export type BatchReader<K, V> = (ctx: Ctx, keys: readonly K[]) => Promise<readonly V[]>;

export type Loaders = Map<unknown, DataLoader<unknown, unknown, unknown>>;

export function load<K, V>(ctx: Ctx, reader: BatchReader<K, V>, key: K): Promise<V> {
  let loader = ctx.loaders.get(reader) as DataLoader<K, V, unknown> | undefined;
  if (!loader) {
    loader = new DataLoader<K, V, unknown>((keys) => reader(ctx, keys), {
      cacheKeyFn: (k) => (typeof k === 'object' ? JSON.stringify(k) : k),
      maxBatchSize: 1000,
    });
    ctx.loaders.set(reader, loader as DataLoader<unknown, unknown, unknown>);
  }
  return loader.load(key);
}

/** Puts rows in the order of the keys, for readers of one row per key. */
export function inKeyOrder<K, V>(keys: readonly K[], rows: readonly V[], keyOf: (row: V) => K): (V | null)[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  return keys.map((key) => byKey.get(key) ?? null);
}

/** Groups rows under their keys, for readers of many rows per key. */
export function groupedByKey<K, V>(keys: readonly K[], rows: readonly V[], keyOf: (row: V) => K): V[][] {
  const groups = new Map<K, V[]>(keys.map((key) => [key, []]));
  for (const row of rows) groups.get(keyOf(row))?.push(row);
  return keys.map((key) => groups.get(key) as V[]);
}
