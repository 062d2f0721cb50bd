/** Who receives a deployment's traffic: intended weights from the status, shares as the gateway counted them. */
import type { TargetStatus } from '../../contract/modeldeployment.ts';
import type { Ctx } from '../../graphql/context.ts';
import type { DeploymentRow } from './tables.ts';

export interface Target extends TargetStatus {
  role: 'STABLE' | 'CANARY';
  /** Name of the Service that its traffic goes through. */
  service: string;
  deployment: DeploymentRow;
}

export function targetOf(deployment: DeploymentRow, role: Target['role']): Target | null {
  const status = role === 'STABLE' ? deployment.status.stable : deployment.status.canary;
  return status ? { ...status, role, service: `${deployment.name}-${role.toLowerCase()}`, deployment } : null;
}

export const targetsOf = (deployment: DeploymentRow): Target[] =>
  [targetOf(deployment, 'STABLE'), targetOf(deployment, 'CANARY')].filter((target) => target !== null);

export interface Counted {
  /** Share of the requests since the weights last changed, 0 to 1; null while there were none. */
  observedShare: number | null;
  observedRequests: number | null;
}

/** One scrape serves a whole query: the port shares samples that are asked for at the same moment. */
export async function countedFor(ctx: Ctx, target: Target): Promise<Counted> {
  const nothing = { observedShare: null, observedRequests: null };
  const wanted = ctx.settings.gateway;
  const gateway = ctx.cluster.gateways.get(`${wanted.namespace}/${wanted.name}`);
  const counts = gateway && (await ctx.traffic.sample(gateway));
  if (!counts) return nothing;
  const { namespace, name } = target.deployment;
  const of = (service: string): number | undefined => counts.of(namespace, name, service)?.sinceChange;
  const total = (of(`${name}-stable`) ?? 0) + (of(`${name}-canary`) ?? 0);
  const mine = of(target.service);
  if (mine === undefined) return nothing;
  return { observedShare: total === 0 ? null : mine / total, observedRequests: mine };
}
