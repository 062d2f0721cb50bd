/**
 * One connection pool for each endpoint. An endpoint that leaves the rotation gets no new request at that moment; its
 * requests in flight end as they would have, and then its connections close.
 */
import { Pool } from 'undici';

/** Silence of a backend that ends a request without a timeout of its own: before the first byte, and between two. */
const SILENCE_MS = 300_000;
const CONNECT_MS = 5_000;
const MAX_CONNECTIONS = 1024;
export const MAX_HEADER_BYTES = 32 * 1024;

export interface Endpoint {
  readonly origin: string;
  readonly pool: Pool;
  inFlight: number;
}

export interface Endpoints {
  /** Makes `origins` the ones there are. */
  retain(origins: ReadonlySet<string>): void;
  of(origins: readonly string[]): Endpoint[];
  /** Cuts what is left, also at endpoints that left before. */
  destroy(): Promise<void>;
}

export function createEndpoints(): Endpoints {
  const present = new Map<string, Endpoint>();
  const leaving = new Set<Pool>();

  function leave({ origin, pool }: Endpoint): void {
    present.delete(origin);
    leaving.add(pool);
    pool.close(() => leaving.delete(pool));
  }

  return {
    retain(origins) {
      for (const endpoint of [...present.values()]) if (!origins.has(endpoint.origin)) leave(endpoint);
      for (const origin of origins)
        if (!present.has(origin)) present.set(origin, { origin, pool: createPool(origin), inFlight: 0 });
    },
    of: (origins) => origins.map((origin) => present.get(origin)!),
    async destroy() {
      await Promise.all([...leaving, ...[...present.values()].map(({ pool }) => pool)].map((pool) => pool.destroy()));
    },
  };
}

const createPool = (origin: string): Pool =>
  new Pool(origin, {
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    connect: { timeout: CONNECT_MS },
  });

/**
 * The endpoint with the fewest requests in flight; among equals the next one in turn, so that a quiet gateway does not
 * send everything to the first. `tried` are those that refused this request already.
 */
export function chooseEndpoint(
  rotation: { endpoints: readonly Endpoint[]; cursor: number },
  tried: readonly Endpoint[] = [],
): Endpoint | undefined {
  const { endpoints } = rotation;
  let best: Endpoint | undefined;
  let bestAt = 0;
  for (let i = 0; i < endpoints.length; i++) {
    const at = (rotation.cursor + i) % endpoints.length;
    const endpoint = endpoints[at]!;
    if (best && endpoint.inFlight >= best.inFlight) continue;
    if (tried.length > 0 && tried.includes(endpoint)) continue;
    best = endpoint;
    bestAt = at;
  }
  if (best) rotation.cursor = bestAt + 1;
  return best;
}
