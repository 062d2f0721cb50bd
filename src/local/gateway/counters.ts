/**
 * What the data plane counts, and how it reads as Prometheus text. The hot path adds to numbers it holds already; label
 * sets are looked up when the table changes, not per request. Written by hand for that reason: prom-client builds and
 * hashes a label object on every observation.
 */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Requests of one route to one backend. */
export interface Series {
  readonly labels: string;
  readonly codes: Map<number, number>;
  readonly buckets: number[];
  sumSeconds: number;
  count: number;
  inFlight: number;
}

/** Requests of one rule since its weights last changed. */
export interface WeightCounts {
  readonly labels: string;
  readonly backends: Map<string, { labels: string; weight: number; requests: number }>;
  changedAtMs: number;
}

export interface MirrorSeries {
  readonly labels: string;
  readonly results: Map<string, number>;
}

export interface Counters {
  series(namespace: string, route: string, backend: string): Series;
  mirror(namespace: string, route: string, backend: string): MirrorSeries;
  /** Drops what belongs to none of these. */
  retain(keys: ReadonlySet<string>): void;
  render(weights: Iterable<WeightCounts>): string;
}

export const seriesKey = (namespace: string, route: string, backend: string): string =>
  `${namespace}/${route}/${backend}`;

export function createCounters(): Counters {
  const all = new Map<string, Series>();
  const mirrors = new Map<string, MirrorSeries>();
  return {
    series(namespace, route, backend) {
      const key = seriesKey(namespace, route, backend);
      let series = all.get(key);
      if (!series) {
        const buckets = new Array<number>(BUCKETS.length).fill(0);
        series = {
          labels: labelsOf({ namespace, route, backend }),
          codes: new Map(),
          buckets,
          sumSeconds: 0,
          count: 0,
          inFlight: 0,
        };
        all.set(key, series);
      }
      return series;
    },
    mirror(namespace, route, backend) {
      const key = seriesKey(namespace, route, backend);
      let series = mirrors.get(key);
      if (!series) {
        series = { labels: labelsOf({ namespace, route, backend }), results: new Map() };
        mirrors.set(key, series);
      }
      return series;
    },
    retain(keys) {
      for (const map of [all, mirrors]) for (const key of map.keys()) if (!keys.has(key)) map.delete(key);
    },
    render: (weights) => render([...all.values()], [...mirrors.values()], [...weights]),
  };
}

export function observe(series: Series, code: number, seconds: number): void {
  series.codes.set(code, (series.codes.get(code) ?? 0) + 1);
  series.count++;
  series.sumSeconds += seconds;
  for (let i = 0; i < BUCKETS.length; i++)
    if (seconds <= BUCKETS[i]!) {
      series.buckets[i]!++;
      return;
    }
}

export const labelsOf = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`)
    .join(',');

function render(all: readonly Series[], mirrors: readonly MirrorSeries[], rules: readonly WeightCounts[]): string {
  const lines: string[] = [];
  const family = (name: string, type: string, help: string, samples: Iterable<string>): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
  };
  const backends = rules.flatMap(({ backends: map }) => [...map.values()]);
  family(
    'clops_gateway_requests_total',
    'counter',
    'Requests answered, by the Service chosen ("" when none was). Code 499: the client went away.',
    all.flatMap(({ labels, codes }) =>
      [...codes].map(([code, count]) => `clops_gateway_requests_total{${labels},code="${code}"} ${count}`),
    ),
  );
  family(
    'clops_gateway_request_duration_seconds',
    'histogram',
    'From the request’s header to the last byte of the answer.',
    all.flatMap(histogram),
  );
  family(
    'clops_gateway_requests_in_flight',
    'gauge',
    'Requests being answered now.',
    all.map(({ labels, inFlight }) => `clops_gateway_requests_in_flight{${labels}} ${inFlight}`),
  );
  family(
    'clops_gateway_mirrored_requests_total',
    'counter',
    'Copies of requests, by what became of them: a status code, failed, or dropped (the mirror was too slow, or the request did not come whole).',
    mirrors.flatMap(({ labels, results }) =>
      [...results].map(
        ([result, count]) => `clops_gateway_mirrored_requests_total{${labels},result="${result}"} ${count}`,
      ),
    ),
  );
  family(
    'clops_gateway_weight',
    'gauge',
    'Weights as programmed now.',
    backends.map(({ labels, weight }) => `clops_gateway_weight{${labels}} ${weight}`),
  );
  family(
    'clops_gateway_weight_requests',
    'gauge',
    'Requests by the Service chosen since the weights of the rule last changed.',
    backends.map(({ labels, requests }) => `clops_gateway_weight_requests{${labels}} ${requests}`),
  );
  family(
    'clops_gateway_weight_changed_timestamp_seconds',
    'gauge',
    'When the weights of the rule last changed.',
    rules.map(
      ({ labels, changedAtMs }) => `clops_gateway_weight_changed_timestamp_seconds{${labels}} ${changedAtMs / 1000}`,
    ),
  );
  return `${lines.join('\n')}\n`;
}

function histogram({ labels, buckets, count, sumSeconds }: Series): string[] {
  const name = 'clops_gateway_request_duration_seconds';
  let below = 0;
  const lines = BUCKETS.map((bound, i) => {
    below += buckets[i]!;
    return `${name}_bucket{${labels},le="${bound}"} ${below}`;
  });
  lines.push(
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sumSeconds}`,
    `${name}_count{${labels}} ${count}`,
  );
  return lines;
}
