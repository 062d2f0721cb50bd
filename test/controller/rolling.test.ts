/** Rolling updates in the engine alone: how many pods there are on the way, forward and back, and what they carry. */
import { describe, expect, it } from 'vitest';
import type { ModelDeploymentSpec, RollingSpec } from '../../src/contract/modeldeployment.ts';
import { hashOf } from '../../src/contract/revision.ts';
import { aWorld, settle, specOf, type World } from './world.ts';

const rollingSpec = (version: number, replicas: number, rolling: RollingSpec = {}): ModelDeploymentSpec => ({
  ...specOf(version, [], replicas),
  strategy: { rolling },
});
const hash = (version: number): string => hashOf(specOf(version, []));
const stableAt = (version: number, replicas: number, rolling: RollingSpec = {}): World => {
  const world = aWorld(rollingSpec(version, replicas, rolling));
  settle(world);
  return world;
};

describe('forward', () => {
  it('ends, whatever the numbers: shares are whole percents, and two of three pods are 67 of them', () => {
    for (const rolling of [{}, { maxSurge: 1, maxUnavailable: 0 }, { maxSurge: 0, maxUnavailable: 1 }]) {
      for (let replicas = 1; replicas <= 40; replicas++) {
        const world = stableAt(1, replicas, rolling);
        world.spec = rollingSpec(2, replicas, rolling);
        settle(world, 6 * replicas + 10);
        expect(world.status, `${replicas} replicas, ${JSON.stringify(rolling)}`).toMatchObject({
          phase: 'Healthy',
          stable: { hash: hash(2), replicas, weight: 100 },
        });
      }
    }
  });
});
