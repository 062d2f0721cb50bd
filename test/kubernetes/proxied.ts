/** A controller that asks a real cluster through a proxy, and what is expected of it whatever the fault is. */
import { expect } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/faultProxy.ts';
import { type KubernetesLab, type Request, startKubernetesLab } from './controllerLab.ts';

export const HALF = { canary: { steps: [{ setWeight: 50 }, { pause: {} }], scaleDownDelaySeconds: 0 } };
export const ROLLING = { rolling: {} };
export const ONE = { replicas: 1, strategy: ROLLING };
/** As many as a quiet controller may make of a fault in some seconds. */
export const FEW = 12;

export const condition = (status: ModelDeploymentStatus, type: string) =>
  status.conditions?.find((one) => one.type === type);
export const isHealthy = (version: number) => (status: ModelDeploymentStatus) =>
  expect(status).toMatchObject({ phase: 'Healthy', stable: { version } });
export const isPaused = (status: ModelDeploymentStatus) =>
  expect(status).toMatchObject({ rollout: { phase: 'Paused' } });

export interface Proxied {
  lab: KubernetesLab;
  proxy: FaultProxy;
  /** Few requests in some seconds, and none of them by lists. */
  isQuiet(ms?: number): Promise<Request[]>;
}

export async function startProxied(): Promise<Proxied> {
  const lab = await startKubernetesLab();
  const { proxy, kubeconfig } = await lab.proxy();
  const controller = await lab.start('proxied', kubeconfig);
  await eventually(() => expect(controller.isLeading).toBe(true), { withinMs: 30_000 });
  return {
    lab,
    proxy,
    async isQuiet(ms = 5000) {
      const asked = await lab.askedWithin('proxied', ms);
      expect(asked.filter(({ verb }) => verb === 'list')).toEqual([]);
      expect(asked.length, JSON.stringify(asked)).toBeLessThan(FEW);
      return asked;
    },
  };
}
