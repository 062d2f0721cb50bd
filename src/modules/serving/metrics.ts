/** A deployment's numbers out of the gateway's windows. */
import type { Ctx } from '../../graphql/context.ts';
import { quantile, type TrafficWindow, type WindowValues } from '../../platform/metrics/live.ts';
import type { DeploymentRow } from './tables.ts';
import { type Target, targetsOf } from './targets.ts';

export interface Values {
  requestRate: number | null;
  errorRatio: number | null;
  latencyP50Ms: number | null;
  latencyP95Ms: number | null;
  latencyP99Ms: number | null;
  samples: number | null;
}

export interface MetricsValue {
  at: Date;
  windowSeconds: number;
  stale: boolean;
  total: Values;
  targets: { target: Target; values: Values }[];
}

export async function metricsOf(
  ctx: Ctx,
  deployment: DeploymentRow,
  windowSeconds: number,
): Promise<MetricsValue | null> {
  const window = await ctx.live.window(windowSeconds);
  return window ? metricsIn(deployment, window) : null;
}

export function metricsIn(deployment: DeploymentRow, window: TrafficWindow): MetricsValue {
  const targets = targetsOf(deployment).map((target) => ({
    target,
    counted: window.of(deployment.namespace, deployment.name, target.service),
  }));
  return {
    at: new Date(window.at),
    windowSeconds: Math.round(window.seconds),
    stale: window.stale,
    total: valuesOf(merged(targets.map(({ counted }) => counted).filter((one) => one !== undefined))),
    targets: targets.map(({ target, counted }) => ({ target, values: valuesOf(counted) })),
  };
}

function valuesOf(counted: WindowValues | undefined): Values {
  if (!counted || counted.seconds === 0)
    return {
      requestRate: null,
      errorRatio: null,
      latencyP50Ms: null,
      latencyP95Ms: null,
      latencyP99Ms: null,
      samples: null,
    };
  const { requests, errors, seconds, buckets } = counted;
  const ms = (q: number) => {
    const value = quantile(q, buckets);
    return value === null ? null : Math.round(value * 1e5) / 100;
  };
  return {
    requestRate: requests / seconds,
    errorRatio: requests === 0 ? null : errors / requests,
    latencyP50Ms: ms(0.5),
    latencyP95Ms: ms(0.95),
    latencyP99Ms: ms(0.99),
    samples: requests,
  };
}

function merged(all: WindowValues[]): WindowValues | undefined {
  return all.reduce<WindowValues | undefined>(
    (sum, one) =>
      sum
        ? {
            requests: sum.requests + one.requests,
            errors: sum.errors + one.errors,
            seconds: one.seconds,
            buckets: one.buckets.map(({ le, count }, i) => ({ le, count: count + (sum.buckets[i]?.count ?? 0) })),
          }
        : one,
    undefined,
  );
}
