/**
 * What `/readyz` of an API or a relay looks at. What it cannot serve anything without makes it unready: its event log. What
 * only some answers need has a line alone; fields that need it are null with a code, and the rest of the answer stands.
 */
import 'reflect-metadata'; // type-graphql wants it before the first decorator.
import type { Services } from '../graphql/context.ts';
import { relayTrouble } from '../modules/serving/index.ts';
import type { HealthCheck } from './health.ts';

/** A start waits so long for the first fill of its caches, and then serves what it can. */
const FILL_WITHIN_MS = 15_000;
/** Events are told within a second; this long nothing takes by itself. */
const LAG_MS = 5_000;

export function readinessOf(
  { db, events, cluster, clock }: Pick<Services, 'db' | 'events' | 'cluster' | 'clock'>,
  since = clock.monotonic(),
): HealthCheck[] {
  return [
    { name: 'event-log', check: () => (events.healthy() ? undefined : 'the event connection is down') },
    { name: 'event-log-lag', check: () => lagWords(events.lagMs()), isAdvisory: true },
    {
      name: 'informers',
      check: () => unfilledWords(cluster.unfilled()),
      isAdvisory: () => clock.monotonic() - since >= FILL_WITHIN_MS,
    },
    { name: 'custom-resources', check: () => missingWords(cluster.missing()), isAdvisory: true },
    { name: 'cluster', check: () => (cluster.reachable() ? undefined : 'it does not answer'), isAdvisory: true },
    { name: 'relay', check: () => relayTrouble(db, clock.now()), isAdvisory: true },
  ];
}

const lagWords = (ms: number): string | undefined =>
  ms < LAG_MS ? undefined : `what was committed in the last ${Math.round(ms / 1000)} s is not in the log yet`;

const unfilledWords = (kinds: readonly string[]): string | undefined =>
  kinds.length === 0 ? undefined : `the cluster caches are not filled yet: ${kinds.join(', ')}`;

const missingWords = (kinds: readonly string[]): string | undefined =>
  kinds.length === 0
    ? undefined
    : `the cluster does not know ${kinds.join(', ')}: install the custom resources, it goes on by itself`;
