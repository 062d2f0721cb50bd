/** Two processes, one lease. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { fencedBy, NotHeld } from '../../../src/platform/cluster/fenced.ts';
import { electLeader, type Leader } from '../../../src/platform/cluster/leader.ts';
import type { KubeObject } from '../../../src/platform/cluster/port.ts';
import { CONFIGMAPS, LEASES } from '../../../src/platform/cluster/resources.ts';
import { aConfigMap, startCore, type TestCore } from '../../local/apiserver/harness.ts';
import { eventually } from '../../support/eventually.ts';

let core: TestCore;
const leaders: Leader[] = [];
beforeEach(async () => {
  core = await startCore();
});
afterEach(async () => {
  await Promise.all(leaders.splice(0).map((leader) => leader.close()));
  await core.close();
});

function elect(identity: string, more: { leaseMs?: number; isDead?: (holder: string) => boolean; clock?: Clock } = {}) {
  const log: string[] = [];
  const leader = electLeader({
    cluster: core.cluster,
    namespace: 'default',
    name: 'work',
    identity,
    log: silentLog,
    leaseMs: 1000,
    renewMs: 500,
    retryMs: 50,
    ...more,
    onStart: () => log.push('start'),
    onStop: async () => void log.push('stop'),
  });
  leaders.push(leader);
  return { leader, log };
}

it('one leads, and the other follows at once when it leaves', async () => {
  const first = elect('a');
  await eventually(() => expect(first.leader.isLeader).toBe(true));
  const second = elect('b', { leaseMs: 60_000 });
  await eventually(async () => {
    const lease = await core.cluster.get<KubeObject & { spec: { renewTime: string } }>(LEASES, 'work', 'default');
    expect(Date.parse(lease.spec.renewTime)).toBeGreaterThan(Date.now() - 200);
  });
  expect(second.leader.isLeader).toBe(false);
  await first.leader.close();
  expect(first.log).toEqual(['start', 'stop']);
  await eventually(() => expect(second.leader.isLeader).toBe(true), { withinMs: 1000 });
});

const deadLease = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'work', namespace: 'default' },
  spec: { holderIdentity: 'dead', leaseDurationSeconds: 1, renewTime: '2030-01-01T00:00:00.000000Z' },
};

it('a lease that is not renewed runs out as seen from here, whatever time is written in it', async () => {
  await core.cluster.create(LEASES, deadLease);
  const startedAt = performance.now();
  const { leader } = elect('a');
  await eventually(() => expect(leader.isLeader).toBe(true));
  expect(performance.now() - startedAt).toBeGreaterThan(900);
});

it('the lease of a process that is known to be dead is taken at once', async () => {
  await core.cluster.create(LEASES, { ...deadLease, spec: { ...deadLease.spec, leaseDurationSeconds: 60 } });
  const { leader } = elect('a', { isDead: (holder) => holder === 'dead' });
  await eventually(() => expect(leader.isLeader).toBe(true), { withinMs: 1000 });
});

it('holds the lease no longer than others wait for it, whatever it believes', async () => {
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const { leader } = elect('a', { clock, leaseMs: 60_000 });
  await eventually(() => expect(leader.isLeader).toBe(true));
  const cluster = fencedBy(() => leader.holds(), core.cluster);
  await cluster.create(CONFIGMAPS, aConfigMap('while-it-leads'));
  await core.api.close(); // what it believes stays as it is
  now += 60_000; // frozen, and woken up
  expect(leader.isLeader).toBe(true);
  await expect(cluster.create(CONFIGMAPS, aConfigMap('after-it-slept'))).rejects.toBeInstanceOf(NotHeld);
});
