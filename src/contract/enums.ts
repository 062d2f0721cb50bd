/** One mechanical rule between the resource's `FastPromoted` and GraphQL's `FAST_PROMOTED`. */

/** `LatencyP95` → `LATENCY_P95`. */
export const toUpperSnake = (camel: string): string => camel.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase();
