/**
 * What a table needs while it serves: whose turn it is, connections, counts. Adopting a new table is one synchronous
 * step, so no request sees half of it; requests in flight keep the backends they were given. Rules are the same rules
 * as long as their key is, and keep their turn and counts through changes of weights and endpoints.
 */
import type { Outcome } from './attach.ts';
import type { Counters, MirrorSeries, Series, WeightCounts } from './counters.ts';
import { labelsOf, seriesKey } from './counters.ts';
import type { Endpoint, Endpoints } from './endpoints.ts';
import type { HeaderEdit } from './headers.ts';
import type { Question } from './match.ts';
import type { Backend, Rule, Target } from './rule.ts';
import { createSwrr, type Swrr } from './swrr.ts';
import { EMPTY_TABLE, type Entry, lookup, type Table } from './table.ts';

interface LiveTarget {
  readonly service: string;
  problem: Outcome | undefined;
  endpoints: readonly Endpoint[];
  cursor: number;
}

export interface LiveBackend extends LiveTarget {
  readonly series: Series;
  requestEdits: readonly HeaderEdit[];
  responseEdits: readonly HeaderEdit[];
  /** Shared by backendRefs of one rule that name the same Service. */
  counted: { requests: number };
}

export interface LiveMirror extends LiveTarget {
  readonly series: MirrorSeries;
  readonly share: number;
  /** Grows by `share` with each request; a copy is sent whenever it passes one. */
  credit: number;
}

export interface LiveRule {
  rule: Rule;
  backends: readonly LiveBackend[];
  mirrors: readonly LiveMirror[];
  readonly turn: Swrr;
  readonly weights: WeightCounts;
  /** Of requests for which no backend was chosen. */
  readonly refused: Series;
}

export interface Live {
  adopt(table: Table): void;
  find(question: Question): { entry: Entry; live: LiveRule } | undefined;
  /** Takes the rule's next turn. */
  next(live: LiveRule): LiveBackend | undefined;
  /** Requests that no rule takes. */
  readonly unrouted: Series;
  weights(): Iterable<WeightCounts>;
}

export function createLive(endpoints: Endpoints, counters: Counters, now: () => number): Live {
  let table = EMPTY_TABLE;
  let rules = new Map<string, LiveRule>();
  const unrouted = counters.series('', '', '');

  function adopt(newTable: Table): void {
    const targets = newTable.rules.flatMap((rule): Target[] => [...rule.backends, ...rule.mirrors]);
    endpoints.retain(new Set(targets.flatMap((target) => target.endpoints)));
    const newRules = new Map<string, LiveRule>();
    for (const rule of newTable.rules) newRules.set(rule.key, adoptRule(rule, rules.get(rule.key)));
    counters.retain(new Set([seriesKey('', '', ''), ...newTable.rules.flatMap(keysOf)]));
    rules = newRules;
    table = newTable;
  }

  function adoptRule(rule: Rule, old: LiveRule | undefined): LiveRule {
    const live: LiveRule = old ?? {
      rule,
      backends: [],
      mirrors: [],
      turn: createSwrr(),
      weights: { labels: ruleLabels(rule), backends: new Map(), changedAtMs: now() },
      refused: counters.series(rule.namespace, rule.route, ''),
    };
    const { backends } = rule;
    if (
      live.turn.setWeights(
        backends.map(({ key }) => key),
        backends.map(({ weight }) => weight),
      )
    )
      restartCounts(live.weights, rule, now());
    const before = new Map(live.backends.map((backend, i) => [live.rule.backends[i]!.key, backend]));
    live.backends = backends.map((backend) => adoptBackend(backend, before.get(backend.key), live));
    live.mirrors = rule.mirrors.map((mirror, i) => ({
      service: mirror.service,
      problem: mirror.problem,
      endpoints: endpoints.of(mirror.endpoints),
      cursor: 0,
      series: counters.mirror(rule.namespace, rule.route, mirror.service),
      share: mirror.share,
      credit: live.mirrors[i]?.credit ?? 0,
    }));
    live.rule = rule;
    return live;

    function adoptBackend(backend: Backend, previous: LiveBackend | undefined, { weights }: LiveRule): LiveBackend {
      const adopted: LiveBackend = previous ?? {
        service: backend.service,
        series: counters.series(rule.namespace, rule.route, backend.service),
        problem: undefined,
        endpoints: [],
        cursor: 0,
        requestEdits: [],
        responseEdits: [],
        counted: { requests: 0 },
      };
      return Object.assign(adopted, {
        problem: backend.problem,
        endpoints: endpoints.of(backend.endpoints),
        requestEdits: backend.requestEdits,
        responseEdits: backend.responseEdits,
        counted: weights.backends.get(backend.service)!,
      });
    }
  }

  return {
    adopt,
    find(question) {
      const entry = lookup(table, question);
      return entry && { entry, live: rules.get(entry.rule.key)! };
    },
    next(live) {
      const backend = live.backends[live.turn.pick()];
      if (backend) backend.counted.requests++;
      return backend;
    },
    unrouted,
    *weights() {
      for (const { weights } of rules.values()) yield weights;
    },
  };
}

const ruleLabels = ({ namespace, route, name }: Rule): string => labelsOf({ namespace, route, rule: name });

function restartCounts(weights: WeightCounts, rule: Rule, now: number): void {
  weights.changedAtMs = now;
  weights.backends.clear();
  for (const { service, weight } of rule.backends) {
    const present = weights.backends.get(service);
    if (present) present.weight += weight;
    else {
      const labels = labelsOf({ namespace: rule.namespace, route: rule.route, rule: rule.name, backend: service });
      weights.backends.set(service, { labels, weight, requests: 0 });
    }
  }
}

const keysOf = (rule: Rule): string[] =>
  ['', ...[...rule.backends, ...rule.mirrors].map(({ service }) => service)].map((service) =>
    seriesKey(rule.namespace, rule.route, service),
  );
