/**
 * Leader election on a Lease, with client-go's semantics: 15 s lease, renewed every 2 s, given up after 10 s without a
 * renewal. Only times observed here are compared, never the times written in the lease, so that clocks may differ.
 *
 * A leader that was frozen (SIGSTOP, a paused machine) wakes up and believes that it leads: `holds` says whether it may,
 * by the time of its last renewal, and what writes asks it before each request. What is on its way when the lease ends
 * still arrives, so everything a leader does must be harmless when done twice (deterministic names, server-side apply,
 * resourceVersion on status).
 */
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { type ClusterPort, isAlreadyExists, isConflict, isNotFound, type KubeObject } from './port.ts';
import { LEASES } from './resources.ts';

export interface LeaderOptions {
  cluster: ClusterPort;
  namespace: string;
  name: string;
  /** Who this process is, unique per start: `host_pid_random`. */
  identity: string;
  /** True for the identity of a process that is known to be dead: its lease is taken at once instead of waiting it out. */
  isDead?: (holder: string) => boolean;
  log: Log;
  clock?: Clock;
  leaseMs?: number;
  renewMs?: number;
  retryMs?: number;
  /** Called when leadership begins. */
  onStart: () => void;
  /** Called when it ends, also on close. What was started must be over when the promise resolves. */
  onStop: () => Promise<void>;
}

export interface Leader {
  readonly isLeader: boolean;
  /** The lease was renewed so short a while ago that nobody else can have it. */
  holds(): boolean;
  /** Ends the work and gives the lease back, so that the next one need not wait. */
  close(): Promise<void>;
}

interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export function electLeader(options: LeaderOptions): Leader {
  const { cluster, namespace, name, identity, isDead = () => false, log, clock = systemClock } = options;
  const { leaseMs = 15_000, renewMs = 10_000, retryMs = 2000, onStart, onStop } = options;
  const abort = new AbortController();
  let leading = false;
  /** When the last renewal that succeeded was begun: from then on others wait. */
  let renewedAt = Number.NEGATIVE_INFINITY;
  /** The lease as last seen, and when it was seen to change. */
  let seen: { resourceVersion: string | undefined; at: number } | undefined;
  /** As written last: while nobody else writes it, one request keeps it. */
  let own: Lease | undefined;
  const done = loop();

  /** One try to get or keep the lease. Throws when the API cannot be asked. */
  async function tryAcquire(): Promise<boolean> {
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(renewMs)]);
    const kept = own;
    own = undefined;
    if (kept && (await keep(kept, signal))) return true;
    let lease: Lease;
    try {
      lease = await cluster.get<Lease>(LEASES, name, namespace, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const fresh: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace } };
      return write(() => cluster.create<Lease>(LEASES, { ...fresh, spec: held(undefined) }, { signal }));
    }
    if (!seen || lease.metadata.resourceVersion !== seen.resourceVersion) {
      seen = { resourceVersion: lease.metadata.resourceVersion, at: clock.monotonic() };
    }
    const holder = lease.spec?.holderIdentity;
    if (holder && holder !== identity && !isDead(holder)) {
      const duration = (lease.spec?.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
      if (clock.monotonic() - seen.at < duration) return false;
    }
    return keep(lease, signal);
  }

  async function keep(lease: Lease, signal: AbortSignal): Promise<boolean> {
    try {
      return await write(() => cluster.replace<Lease>(LEASES, { ...lease, spec: held(lease) }, { signal }));
    } catch (error) {
      if (isNotFound(error)) return false; // deleted by somebody; the next try makes it anew
      throw error;
    }
  }

  async function write(put: () => Promise<Lease>): Promise<boolean> {
    try {
      const lease = await put();
      own = lease;
      seen = { resourceVersion: lease.metadata.resourceVersion, at: clock.monotonic() };
      return true;
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error)) return false; // somebody else was quicker
      throw error;
    }
  }

  function held(lease: Lease | undefined): Lease['spec'] {
    const now = microTime(clock.now());
    const mine = lease?.spec?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1000)),
      acquireTime: mine ? (lease?.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (lease?.spec?.leaseTransitions ?? -1) + (mine ? 0 : 1),
    };
  }

  async function loop(): Promise<void> {
    while (!abort.signal.aborted) {
      try {
        const begunAt = clock.monotonic();
        const mine = await tryAcquire();
        if (mine) renewedAt = begunAt;
        if (mine && !leading) {
          leading = true;
          log.info({ lease: name }, 'leading');
          onStart();
        } else if (!mine && leading) {
          renewedAt = Number.NEGATIVE_INFINITY;
          await stopLeading('another process holds the lease');
        }
      } catch (error) {
        if (abort.signal.aborted) break;
        log.warn({ err: error, lease: name }, 'the lease could not be renewed');
        if (leading && clock.monotonic() - renewedAt > renewMs)
          await stopLeading('the lease could not be renewed in time');
      }
      await pause(retryMs);
    }
  }

  async function stopLeading(why: string): Promise<void> {
    leading = false;
    log.warn({ lease: name, why }, 'no longer leading');
    await onStop();
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        abort.signal.removeEventListener('abort', finish);
        resolve();
      };
      const cancel = clock.after(ms, finish);
      abort.signal.addEventListener('abort', finish, { once: true });
      if (abort.signal.aborted) finish();
    });
  }

  async function release(): Promise<void> {
    try {
      const lease = await cluster.get<Lease>(LEASES, name, namespace, { signal: AbortSignal.timeout(2000) });
      if (lease.spec?.holderIdentity !== identity) return;
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) };
      await cluster.replace<Lease>(LEASES, { ...lease, spec }, { signal: AbortSignal.timeout(2000) });
    } catch (error) {
      log.debug({ err: error, lease: name }, 'the lease was not given back; it runs out by itself');
    }
  }

  return {
    get isLeader() {
      return leading;
    },
    holds: () => clock.monotonic() - renewedAt < leaseMs - retryMs,
    async close() {
      abort.abort();
      await done;
      if (!leading) return;
      leading = false;
      await onStop();
      await release();
    },
  };
}

/** Kubernetes' MicroTime: six digits after the second. */
const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
