/**
 * What `/metrics` of an API and of a relay says. Every label is one of a set that the code knows: fields of the schema, error
 * codes, methods. Names that callers make up (of operations, people, models) are none, and neither are ids.
 */
import { type DocumentNode, Kind, type OperationDefinitionNode, type SelectionNode } from 'graphql';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Services } from '../graphql/context.ts';

/** Seconds. A list of the graph takes some milliseconds; what takes longer than 10 s was ended by a limit. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Whoever asks oftener gets the same number: asking costs a statement on the connections of the API. */
const KNOWN_FOR_MS = 5_000;

/** An operation by what it asks for: the field at its root, or `several`. */
export interface Asked {
  type: string;
  field: string;
}

export interface ApiMetrics {
  /** `code`: of its first error, or OK. */
  answered(asked: Asked, code: string, ms: number): void;
  /** Returns what to call at its end. */
  subscribed(asked: Asked): () => void;
  /** A request for an artifact was answered. */
  transferred(method: string, status: number): void;
  readonly contentType: string;
  text(): Promise<string>;
}

/** What could not be understood has neither. */
export const NOT_UNDERSTOOD: Asked = { type: 'invalid', field: '' };

/** Of a document that fits the schema, so that the field is one of it. */
export function askedFor(document: DocumentNode, operation: OperationDefinitionNode): Asked {
  const fields = new Set(rootFields(document, operation.selectionSet.selections, new Set()));
  const [field = ''] = fields;
  return { type: operation.operation, field: fields.size > 1 ? 'several' : field };
}

function rootFields(document: DocumentNode, selections: readonly SelectionNode[], inside: Set<string>): string[] {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection.name.value];
    if (selection.kind === Kind.INLINE_FRAGMENT) return rootFields(document, selection.selectionSet.selections, inside);
    const name = selection.name.value;
    if (inside.has(name)) return [];
    inside.add(name);
    const fragment = document.definitions.find(
      (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
    );
    return fragment?.kind === Kind.FRAGMENT_DEFINITION
      ? rootFields(document, fragment.selectionSet.selections, inside)
      : [];
  });
}

export function createApiMetrics(
  { db, events, clock }: Pick<Services, 'db' | 'events' | 'clock'>,
  oldestUnpublished: (db: Services['db']) => Promise<Date | null>,
): ApiMetrics {
  const register = new Registry();
  const registers = [register];
  // Its event loop monitor wakes the process at this interval: 10 ms by default.
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 100 });

  const operations = new Counter({
    name: 'clops_api_operations_total',
    help: 'GraphQL operations answered, subscriptions when they have ended or were refused, by root field and by the code of their first error.',
    labelNames: ['type', 'field', 'code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'clops_api_operation_duration_seconds',
    help: 'From a query or mutation to its answer.',
    labelNames: ['type', 'field'],
    buckets: BUCKETS,
    registers,
  });
  const subscriptions = new Gauge({
    name: 'clops_api_subscriptions',
    help: 'Subscriptions that are open, by root field.',
    labelNames: ['field'],
    registers,
  });
  const transfers = new Counter({
    name: 'clops_api_artifact_requests_total',
    help: 'Requests for artifacts answered, by method and HTTP status.',
    labelNames: ['method', 'code'],
    registers,
  });

  let oldest: { at: number; found: Promise<Date | null> } | undefined;
  const unpublished = (): Promise<Date | null> => {
    const at = clock.monotonic();
    if (!oldest || at - oldest.at > KNOWN_FOR_MS) oldest = { at, found: oldestUnpublished(db) };
    return oldest.found;
  };

  /** What cannot be asked just now is no number. */
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(
          await Promise.resolve()
            .then(read)
            .catch(() => Number.NaN),
        );
      },
    });
  };
  gauge(
    'clops_event_log_lag_seconds',
    'How long ago all that was committed had been numbered and seen here.',
    () => events.lagMs() / 1000,
  );
  gauge('clops_event_log_position', 'The last number of the event log that was seen here.', () => events.head().seq);
  gauge(
    'clops_unpublished_seconds',
    'How long the oldest change waits of which the cluster was not told; 0: none.',
    () => unpublished().then((since) => (since ? Math.max(0, clock.now() - since.getTime()) / 1000 : 0)),
  );
  new Gauge({
    name: 'clops_database_connections',
    help: 'Connections of the pool by what they do, and what waits for one.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(db.connections())) this.set({ state }, count);
    },
  });

  return {
    answered({ type, field }, code, ms) {
      operations.inc({ type, field, code });
      if (type !== 'subscription') seconds.observe({ type, field }, ms / 1000);
    },
    subscribed({ field }) {
      subscriptions.inc({ field });
      return () => subscriptions.dec({ field });
    },
    transferred: (method, status) => transfers.inc({ method, code: String(status) }),
    contentType: register.contentType,
    text: () => register.metrics(),
  };
}
