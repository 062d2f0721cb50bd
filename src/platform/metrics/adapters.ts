/**
 * What each kind of gateway calls the requests of a route's backends. One description per controllerName; a gateway that is
 * not in the table cannot be counted, and shares are then the intended ones. NGINX Gateway Fabric is not: open-source NGINX
 * counts no upstreams (only NGINX Plus does).
 */
import { GATEWAY_CONTROLLER, ROUTE_RULE } from '../../contract/names.ts';
import { parsePrometheus, type Sample } from './prometheus.ts';

/** What one backend of one route received. */
export interface BackendTraffic {
  /** The weight as programmed in the data plane; absent when the gateway does not say. */
  weight?: number;
  /** Requests since the weights of the rule last changed; absent when the gateway does not count them so. */
  sinceChange?: number;
  /** Requests since the gateway started, by status code. */
  byCode: Record<string, number>;
  /** Latency since the gateway started: upper bounds in seconds with cumulative counts. */
  buckets: { le: number; count: number }[];
  sumSeconds: number;
}

/** One scrape. `backend` is the name of the Service; undefined where nothing was counted or nothing can be. */
export interface GatewayCounts {
  of(namespace: string, route: string, backend: string): BackendTraffic | undefined;
}

interface Adapter {
  /** Every series of this kind of gateway begins so. */
  prefix: string;
  read(samples: readonly Sample[]): GatewayCounts;
}

const nothing = (): BackendTraffic => ({ byCode: {}, buckets: [], sumSeconds: 0 });

/** Adds, since a series may be divided further (by method, protocol, listener) than we want to know. */
function addBucket({ buckets }: BackendTraffic, bound: string | undefined, count: number, unit = 1): void {
  const le = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound) / unit;
  const found = buckets.find((one) => one.le === le);
  if (found) found.count += count;
  else buckets.push({ le, count });
}

function addCode({ byCode }: BackendTraffic, code = '', count: number): void {
  byCode[code] = (byCode[code] ?? 0) + count;
}

/**
 * Our own gateway. Requests are those of route and backend whatever the rule; weights and what was counted under them belong
 * to a rule, and only the one that the controller writes is meant: another rule may name the same Service with other weights.
 */
const clops: Adapter = {
  prefix: 'clops_gateway_',
  read(samples) {
    const all = new Map<string, BackendTraffic>();
    for (const { name, labels, value } of samples) {
      const { namespace, route, backend, rule } = labels;
      if (!backend) continue;
      const key = `${namespace}/${route}/${backend}`;
      const traffic = all.get(key) ?? nothing();
      all.set(key, traffic);
      const isOurs = rule === ROUTE_RULE;
      if (name === 'clops_gateway_requests_total') addCode(traffic, labels['code'], value);
      else if (name === 'clops_gateway_weight' && isOurs) traffic.weight = value;
      else if (name === 'clops_gateway_weight_requests' && isOurs) traffic.sinceChange = value;
      else if (name === 'clops_gateway_request_duration_seconds_bucket') addBucket(traffic, labels['le'], value);
      else if (name === 'clops_gateway_request_duration_seconds_sum') traffic.sumSeconds = value;
    }
    return { of: (namespace, route, backend) => all.get(`${namespace}/${route}/${backend}`) };
  },
};

/** A gateway that counts since its start, under a name of its own making for each backend. */
function byName(
  prefix: string,
  nameOf: (labels: Record<string, string>) => string | undefined,
  take: (traffic: BackendTraffic, sample: Sample) => void,
  matches: (namespace: string, route: string, backend: string) => RegExp,
): Adapter {
  return {
    prefix,
    read(samples) {
      const byService = Map.groupBy(samples, ({ labels }) => nameOf(labels) ?? '');
      return {
        of(namespace, route, backend) {
          const pattern = matches(namespace, route, backend);
          const own = [...byService].filter(([name]) => pattern.test(name)).flatMap(([, list]) => list);
          if (own.length === 0) return undefined;
          const traffic = nothing();
          for (const sample of own) take(traffic, sample);
          traffic.buckets.sort((a, b) => a.le - b.le);
          return traffic;
        },
      };
    },
  };
}

/**
 * Traefik's Kubernetes Gateway provider names the leaf of a weighted service by namespace, Service and port (3.4 to 3.7.0),
 * so that all routes to one Service are one, and by route, rule and backend since (3.7.9). Held against 3.6.12 by a test.
 * Services are counted unless `--metrics.prometheus.addServicesLabels=false`.
 */
const traefik = byName(
  'traefik_service_',
  ({ service }) => service,
  (traffic, { name, labels, value }) => {
    if (name === 'traefik_service_requests_total') addCode(traffic, labels['code'], value);
    else if (name === 'traefik_service_request_duration_seconds_bucket') addBucket(traffic, labels['le'], value);
    else if (name === 'traefik_service_request_duration_seconds_sum') traffic.sumSeconds += value;
  },
  (namespace, route, backend) => {
    const leaf = `${namespace}-${backend}-http-\\d+`;
    const ownLeaf = `httproute-${namespace}-${route}-gw-.+-ep-.+-0-[0-9a-f]{20}-svc-${namespace}-${backend}-\\d+`;
    return new RegExp(`^(${leaf}|${ownLeaf})@kubernetesgateway$`);
  },
);

/**
 * Envoy Gateway makes one cluster of all backends of a rule, which tells nothing of each, unless it must not: with
 * `mergeBackends` in its EnvoyProxy (a cluster for each Service), with zone-aware routing, or with filters on a backend (a
 * cluster for each backend, by its place in the rule). Nor can it be counted when `clusterStatName` gives them other names.
 */
const envoy = byName(
  'envoy_cluster_upstream_rq',
  (labels) => labels['envoy_cluster_name'],
  (traffic, { name, labels, value }) => {
    if (name === 'envoy_cluster_upstream_rq') addCode(traffic, labels['envoy_response_code'], value);
    else if (name === 'envoy_cluster_upstream_rq_time_bucket') addBucket(traffic, labels['le'], value, 1000);
    else if (name === 'envoy_cluster_upstream_rq_time_sum') traffic.sumSeconds += value / 1000;
  },
  (namespace, route, backend) => {
    const place = backend.endsWith('-canary') ? 1 : 0; // stable first: the order in which the controller writes them
    return new RegExp(
      `^(httproute/${namespace}/${route}/rule/0/backend/${place}|service/${namespace}/${backend}/\\d+(/\\w+)?)$`,
    );
  },
);

const ADAPTERS: Readonly<Record<string, Adapter>> = {
  [GATEWAY_CONTROLLER]: clops,
  'traefik.io/gateway-controller': traefik,
  'gateway.envoyproxy.io/gatewayclass-controller': envoy,
};

export const isCountable = (controllerName: string): boolean => controllerName in ADAPTERS;

/** Without a controllerName, by what the scrape looks like. */
export function readCounts(text: string, controllerName?: string): GatewayCounts | undefined {
  const adapter =
    controllerName === undefined
      ? Object.values(ADAPTERS).find(({ prefix }) => text.startsWith(prefix) || text.includes(`\n${prefix}`))
      : ADAPTERS[controllerName];
  return adapter?.read(parsePrometheus(text, (name) => name.startsWith(adapter.prefix)));
}
