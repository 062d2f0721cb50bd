/** From what the cluster says to what is served: one pure step, the base of both the route table and every status. */
import { GATEWAY_CONTROLLER } from '../../contract/names.ts';
import { type Attachment, attach } from './attach.ts';
import { type Cluster, type CompiledRoute, compileRoute } from './rule.ts';
import { buildTable, type Table } from './table.ts';
import type { Gateway, GatewayClass, HttpRoute } from './types.ts';

export interface Observed extends Cluster {
  classes: readonly GatewayClass[];
  gateways: readonly Gateway[];
  routes: readonly HttpRoute[];
}

/** A route with at least one parent of ours, or with a status entry left from when it had one. */
export interface OwnRoute {
  route: HttpRoute;
  attachments: readonly Attachment[];
  compiled: CompiledRoute;
}

export interface State {
  table: Table;
  /** Ours only, by key. */
  classes: ReadonlyMap<string, GatewayClass>;
  gateways: ReadonlyMap<string, Gateway>;
  routes: ReadonlyMap<string, OwnRoute>;
}

const keyOf = ({ metadata }: Gateway | HttpRoute): string => `${metadata.namespace}/${metadata.name}`;

export function buildState(observed: Observed, port: number): State {
  const ours = observed.classes.filter((one) => one.spec.controllerName === GATEWAY_CONTROLLER);
  const classes = new Map(ours.map((one) => [one.metadata.name, one]));
  const gateways = new Map(
    observed.gateways.filter((one) => classes.has(one.spec.gatewayClassName)).map((one) => [keyOf(one), one]),
  );
  const routes = new Map<string, OwnRoute>();
  for (const route of observed.routes) {
    const attachments = attach(route, gateways, port);
    const hasEntry = route.status?.parents?.some((parent) => parent.controllerName === GATEWAY_CONTROLLER);
    if (attachments.length > 0 || hasEntry)
      routes.set(keyOf(route), { route, attachments, compiled: compileRoute(route, observed) });
  }
  const served = [...routes.values()].flatMap(({ route, attachments, compiled }) => {
    const hostnames = [...new Set(attachments.flatMap((attachment) => attachment.hostnames))];
    return hostnames.length > 0 ? [{ route, compiled, hostnames }] : [];
  });
  return { table: buildTable(served), classes, gateways, routes };
}
