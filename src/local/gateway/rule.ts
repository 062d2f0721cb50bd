/**
 * One HTTPRoute, compiled: what each rule does with a request, to which endpoints it may go, and what is wrong with it.
 * Pure. What cannot be served is never skipped: its requests are refused and the route's status says why.
 */
import { bad, good, type Outcome } from './attach.ts';
import { compileHeaderEdit, type HeaderEdit } from './headers.ts';
import { compileMatch, type Match } from './match.ts';
import type { BackendRef, EndpointSlice, Filter, HttpRoute, RouteRule, Service, ServiceRef } from './types.ts';

/** How to find what routes refer to. */
export interface Cluster {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
}

export interface Rule {
  /** `namespace/route/rule`: the same rule before and after a change. */
  readonly key: string;
  readonly namespace: string;
  readonly route: string;
  /** The rule's name, or its number. */
  readonly name: string;
  readonly matches: readonly Match[];
  /** Absent: the gateway's limits for silence. 0: none. */
  readonly timeoutMs?: number;
  readonly rewrite?: Rewrite;
  readonly backends: readonly Backend[];
  readonly mirrors: readonly Mirror[];
  /** Set when a filter or timeout is not served: every request of the rule is answered 500 with it. */
  readonly problem?: string;
  /** Why some of its matches take no request. */
  readonly droppedMatches: readonly string[];
}

export interface Rewrite {
  host?: string;
  /** Takes the place of the matched prefix. */
  prefix?: string;
  full?: string;
}

export interface Target {
  readonly service: string;
  /** Origins of endpoints that are ready and not terminating. */
  readonly endpoints: readonly string[];
  readonly problem?: Outcome;
}

export interface Backend extends Target {
  readonly key: string;
  readonly weight: number;
  /** Of rule and backend, in this order. */
  readonly requestEdits: readonly HeaderEdit[];
  readonly responseEdits: readonly HeaderEdit[];
}

interface Mirror extends Target {
  /** Share of requests that is mirrored, 0 to 1. */
  readonly share: number;
}

export interface CompiledRoute {
  readonly rules: readonly Rule[];
  readonly resolvedRefs: Outcome;
  /** One sentence for each rule that is not served. */
  readonly problems: readonly string[];
}

export function compileRoute(route: HttpRoute, cluster: Cluster): CompiledRoute {
  const rules = (route.spec.rules ?? []).map((rule, index) => compileRule(route, rule, index, cluster));
  const targets = rules.flatMap((rule) => [...rule.backends, ...rule.mirrors]);
  const unresolved = targets.find((target) => target.problem)?.problem;
  return {
    rules,
    resolvedRefs: unresolved ?? good('ResolvedRefs', 'All references are resolved.'),
    problems: rules.flatMap((rule) =>
      [...(rule.problem ? [rule.problem] : []), ...rule.droppedMatches].map((text) => `rule ${rule.name}: ${text}`),
    ),
  };
}

function compileRule(route: HttpRoute, rule: RouteRule, index: number, cluster: Cluster): Rule {
  const namespace = route.metadata.namespace ?? '';
  const name = rule.name ?? String(index);
  const problems: string[] = [];
  const own = compileFilters(rule.filters ?? [], namespace, cluster, problems, true);
  const seen = new Map<string, number>();
  const backends = (rule.backendRefs ?? []).map((ref) => {
    const filters = compileFilters(ref.filters ?? [], namespace, cluster, problems, false);
    const id = `${ref.namespace ?? namespace}/${ref.name}:${ref.port}`;
    const copies = seen.get(id) ?? 0;
    seen.set(id, copies + 1);
    return {
      key: `${id}#${copies}`,
      weight: ref.weight ?? 1,
      ...resolveTarget(ref, namespace, cluster),
      requestEdits: [...own.requestEdits, ...filters.requestEdits],
      responseEdits: [...own.responseEdits, ...filters.responseEdits],
    };
  });
  const matches = (rule.matches?.length ? rule.matches : [{}]).map(compileMatch);
  const timeoutMs = shortestTimeout(rule, problems);
  return {
    key: `${namespace}/${route.metadata.name}/${name}`,
    namespace,
    route: route.metadata.name,
    name,
    matches: matches.filter((match) => typeof match !== 'string'),
    droppedMatches: matches.filter((match) => typeof match === 'string'),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(own.rewrite && { rewrite: own.rewrite }),
    backends,
    mirrors: own.mirrors,
    ...(problems.length > 0 && { problem: problems.join('; ') }),
  };
}

interface Filters {
  requestEdits: HeaderEdit[];
  responseEdits: HeaderEdit[];
  mirrors: Mirror[];
  rewrite?: Rewrite;
}

function compileFilters(
  filters: readonly Filter[],
  namespace: string,
  cluster: Cluster,
  problems: string[],
  ofRule: boolean,
): Filters {
  const compiled: Filters = { requestEdits: [], responseEdits: [], mirrors: [] };
  const addEdit = (edits: HeaderEdit[], edit: HeaderEdit | string): void => {
    if (typeof edit === 'string') problems.push(edit);
    else edits.push(edit);
  };
  for (const filter of filters) {
    if (filter.type === 'RequestHeaderModifier')
      addEdit(compiled.requestEdits, compileHeaderEdit(filter.requestHeaderModifier));
    else if (filter.type === 'ResponseHeaderModifier')
      addEdit(compiled.responseEdits, compileHeaderEdit(filter.responseHeaderModifier));
    else if (filter.type === 'URLRewrite' && ofRule) {
      const rewrite = compileRewrite(filter);
      if (typeof rewrite === 'string') problems.push(rewrite);
      else compiled.rewrite = rewrite;
    } else if (filter.type === 'RequestMirror' && filter.requestMirror && ofRule) {
      const { backendRef, percent, fraction } = filter.requestMirror;
      const share = fraction ? fraction.numerator / (fraction.denominator ?? 100) : (percent ?? 100) / 100;
      compiled.mirrors.push({ ...resolveTarget(backendRef, namespace, cluster), share });
    } else problems.push(`the filter ${filter.type} is not served here${ofRule ? '' : ' on a backendRef'}`);
  }
  return compiled;
}

/** What may stand in a request line or a Host field; the API server's schema says less. */
const SAFE_PATH = /^[\x21-\x7e]*$/;

function compileRewrite(filter: Filter): Rewrite | string {
  const { hostname, path } = filter.urlRewrite ?? {};
  const text = path?.replacePrefixMatch ?? path?.replaceFullPath ?? '';
  if (!SAFE_PATH.test(text) || !SAFE_PATH.test(hostname ?? ''))
    return 'a URLRewrite holds characters that no URL may hold';
  if (text !== '' && !text.startsWith('/'))
    return `the path ${JSON.stringify(text)} of a URLRewrite must begin with "/"`;
  return {
    ...(hostname && { host: hostname }),
    ...(path?.type === 'ReplacePrefixMatch' && { prefix: text.replace(/\/+$/, '') }),
    ...(path?.type === 'ReplaceFullPath' && { full: text || '/' }),
  };
}

/** The path for the backend. `prefix` is what the match named, without a slash at its end. */
export function rewritePath(rewrite: Rewrite | undefined, path: string, prefix: string): string {
  if (!rewrite) return path;
  if (rewrite.full !== undefined) return rewrite.full;
  if (rewrite.prefix === undefined) return path;
  return rewrite.prefix + path.slice(prefix.length) || '/';
}

function resolveTarget(ref: ServiceRef | BackendRef, namespace: string, cluster: Cluster): Target {
  const fail = (reason: string, message: string): Target => ({
    service: ref.name,
    endpoints: [],
    problem: bad(reason, message),
  });
  if ((ref.group ?? '') !== '' || (ref.kind ?? 'Service') !== 'Service')
    return fail(
      'InvalidKind',
      `Backend ${ref.name} is a ${ref.group ?? ''}/${ref.kind ?? 'Service'}; only Services are served.`,
    );
  if (ref.namespace !== undefined && ref.namespace !== namespace)
    return fail(
      'RefNotPermitted',
      `Service ${ref.namespace}/${ref.name} is in another namespace than its route; ReferenceGrants are not served here.`,
    );
  const service = cluster.service(namespace, ref.name);
  if (!service) return fail('BackendNotFound', `Service ${namespace}/${ref.name} does not exist.`);
  const port = service.spec.ports?.find((candidate) => candidate.port === ref.port);
  if (!port) return fail('BackendNotFound', `Service ${namespace}/${ref.name} has no port ${ref.port}.`);
  if (port.appProtocol && !/^(kubernetes\.io\/)?(http|ws)$/.test(port.appProtocol.toLowerCase()))
    return fail(
      'UnsupportedProtocol',
      `Port ${ref.port} of Service ${namespace}/${ref.name} speaks ${port.appProtocol}; only HTTP/1.1 is served.`,
    );
  return { service: ref.name, endpoints: readyOrigins(cluster.slices(namespace, ref.name), port.name ?? '') };
}

/** Absent `ready` means ready, as EndpointSlice's own description says. */
function readyOrigins(slices: readonly EndpointSlice[], portName: string): string[] {
  const origins = new Set<string>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4' && slice.addressType !== 'IPv6') continue;
    const port = slice.ports?.find((candidate) => (candidate.name ?? '') === portName)?.port;
    if (!port) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      if (conditions?.ready === false || conditions?.terminating === true) continue;
      const address = addresses[0];
      if (address)
        origins.add(slice.addressType === 'IPv6' ? `http://[${address}]:${port}` : `http://${address}:${port}`);
    }
  }
  return [...origins].sort();
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Gateway API's durations: `1h2m3s4ms`, at most four parts. Undefined when malformed. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d{1,5}(h|m|s|ms)){1,4}$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+)(ms|h|m|s)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!,
    0,
  );
}

/** A request goes to one backend once, apart from refused connections: the shorter of the two limits is the limit. */
function shortestTimeout({ timeouts }: RouteRule, problems: string[]): number | undefined {
  let shortest: number | undefined;
  for (const text of [timeouts?.request, timeouts?.backendRequest]) {
    if (text === undefined) continue;
    const ms = parseDuration(text);
    if (ms === undefined) problems.push(`${JSON.stringify(text)} is not a duration such as 30s or 1m30s`);
    else if (shortest === undefined || shortest === 0 || (ms > 0 && ms < shortest)) shortest = ms;
  }
  return shortest;
}
