/**
 * Which rollout is meant: the one that runs, or a new one because the spec asks for another revision.
 *
 * - A revision that was asked for and is not the rollout's begins a new rollout; the old one, if it still ran, is
 *   Superseded. Only stable and the newest count: what was half-way is dropped, as soon as stable can carry what it received.
 * - Asking for the stable revision again during a rollout goes straight back to it.
 * - A revision that was stable a short while ago and is older than the stable one skips the steps: going back must not
 *   take as long as going forward did. Forward always walks, also to one that was stable before a rollback.
 * - Changed steps begin the walk again, in the same rollout.
 * - What serves is stable: when the first rollout is superseded while its pods receive requests, they are kept.
 */
import type {
  HistoryEntry,
  ModelDeploymentStatus,
  RolloutOutcome,
  RolloutStatus,
} from '../../contract/modeldeployment.ts';
import { type FilledStrategy, strategyOf } from '../../contract/strategy.ts';
import { GOOD, isActive } from '../../contract/verbs.ts';
import { leftOut, stepHashOf } from './steps.ts';
import type { Happening, Observed, Ref, RolloutInput, Run } from './types.ts';

/** How many revisions that were stable before the present one are gone back to without steps. */
const ROLLBACK_WINDOW = 3;
const HISTORY = 20;

export const iso = (ms: number): string => new Date(ms).toISOString();

export function currentRun(input: RolloutInput, events: Happening[]): Run {
  const { status, observed, now } = input;
  const strategy = strategyOf(input.spec);
  const rollout = status.rollout;
  if (!rollout || rollout.hash !== observed.desired.hash) return begin(input, strategy, events);
  const run: Run = {
    rollout: { ...rollout, to: observed.desired.revision },
    history: status.history ?? [],
    ...(status.stable && { stable: numbered(status.stable, observed.revisions) }),
    ...(status.canary && { canary: numbered(status.canary, observed.revisions) }),
    ...(status.restartedAt && { restartedAt: status.restartedAt }),
  };
  const stepHash = stepHashOf(strategy.steps);
  if (!isActive(rollout) || rollout.stepHash === stepHash) return run;
  // Fast stays past the steps, however many there are now: it must not fall back into them and halve the traffic.
  const { skippedSteps: _skipped, ...afresh } = rollout;
  const end = strategy.steps.length;
  if (rollout.fast) return { ...run, rollout: { ...afresh, stepHash, stepIndex: end, ...leftOut(0, end) } };
  const stepIndex = firstIndex(run.stable !== undefined, strategy);
  events.push({ type: 'Normal', reason: 'StepsChanged', message: 'The steps were changed, the walk begins again.' });
  const begun = { stepHash, stepIndex, stepStartedAt: iso(now), progressedAt: iso(now), ...leftOut(0, stepIndex) };
  return { ...run, rollout: { ...afresh, ...begun } };
}

function begin(input: RolloutInput, strategy: FilledStrategy, events: Happening[]): Run {
  const { status, observed, now } = input;
  const { desired } = observed;
  const before = status.rollout;
  const stable = whatServes(status);
  const isReturn = stable?.hash === desired.hash;
  const isFast = isReturn || (stable !== undefined && isWindow(input, stable.hash));
  const id = freshId(input);
  const stepIndex = isFast ? strategy.steps.length : firstIndex(stable !== undefined, strategy);
  const rollout: RolloutStatus = {
    ...(id && { id }),
    number: (before?.number ?? input.rolloutsBefore ?? 0) + 1,
    hash: desired.hash,
    phase: 'Progressing',
    stepIndex,
    stepHash: stepHashOf(strategy.steps),
    stepStartedAt: iso(now),
    startedAt: iso(now),
    progressedAt: iso(now),
    pausedBeforeSeconds: 0,
    ...(stable && { from: (isReturn ? status.canary : stable)?.revision ?? stable.revision }),
    to: desired.revision,
    ...(isFast && { fast: true }),
    ...leftOut(0, stepIndex),
  };
  events.push({
    type: 'Normal',
    reason: 'RolloutStarted',
    message: `Rollout ${rollout.number} to version ${desired.version} (revision ${desired.revision}) has begun.`,
  });
  let history = status.history ?? [];
  if (before && !before.outcome) {
    // The first rollout, when its pods serve: from here on they are stable, and one can come back to them.
    const isKept = !status.stable && stable?.hash === before.hash;
    history = withEntry(history, before, before.abort ? 'Aborted' : isKept ? 'Promoted' : 'Superseded', now);
    const message = `Rollout ${before.number} is superseded by rollout ${rollout.number}.`;
    events.push({ type: 'Normal', reason: 'RolloutSuperseded', message });
  }
  const canary = isReturn ? status.canary && refOf(status.canary) : desired;
  return {
    rollout,
    history,
    ...(stable && { stable: numbered(stable, observed.revisions) }),
    ...(canary && { canary }),
    ...(status.restartedAt && { restartedAt: status.restartedAt }),
  };
}

/** The first rollout skips the steps: there is nobody to compare with. */
const firstIndex = (hasStable: boolean, { steps }: FilledStrategy): number => (hasStable ? 0 : steps.length);

function whatServes({ stable, canary }: ModelDeploymentStatus): Ref | undefined {
  if (stable) return refOf(stable);
  return canary && canary.weight > 0 && canary.readyReplicas > 0 ? refOf(canary) : undefined;
}

/** Going back inside the window: what was stable not long ago, and older than what is. */
const isWindow = (input: RolloutInput, stable: string): boolean =>
  recentlyStable(input.status, stable).includes(input.observed.desired.hash) &&
  isOlder(input.observed, input.observed.desired.hash, stable);

function recentlyStable({ history = [] }: ModelDeploymentStatus, present: string): string[] {
  const hashes = history.filter(({ outcome }) => GOOD.includes(outcome)).map(({ hash }) => hash);
  return [...new Set(hashes)].filter((hash) => hash !== present).slice(0, ROLLBACK_WINDOW);
}

/** By when they were made, not by their numbers, which rise with every return. One that was forgotten is made anew: newer. */
const isOlder = ({ firstRevisions }: Observed, hash: string, than: string): boolean =>
  (firstRevisions.get(hash) ?? Number.POSITIVE_INFINITY) < (firstRevisions.get(than) ?? Number.NEGATIVE_INFINITY);

/** It leads to what was stable before and is older than what is stable now. */
export const leadsBack = ({ observed }: RolloutInput, { rollout, history, stable }: Run): boolean =>
  stable !== undefined &&
  isOlder(observed, rollout.hash, stable.hash) &&
  history.some(({ hash, outcome }) => hash === rollout.hash && GOOD.includes(outcome));

/** An id that an earlier rollout has used belongs to that one: the spec was then changed past the API. */
function freshId({ status, rolloutId }: RolloutInput): string | undefined {
  const used = [status.rollout?.id, ...(status.history ?? []).map(({ id }) => id)];
  return rolloutId !== undefined && !used.includes(rolloutId) ? rolloutId : undefined;
}

/** The newest first; a rollout that was retried has one entry, its last. */
export function withEntry(
  history: readonly HistoryEntry[],
  rollout: RolloutStatus,
  outcome: RolloutOutcome,
  now: number,
): HistoryEntry[] {
  const { id, number, hash, from, to, startedAt } = rollout;
  const entry: HistoryEntry = {
    ...(id && { id }),
    number,
    hash,
    outcome,
    ...(from !== undefined && { from }),
    to,
    startedAt,
    finishedAt: iso(now),
  };
  return [entry, ...history.filter((other) => other.number !== number)].slice(0, HISTORY);
}

const refOf = ({ hash, revision, version }: Ref): Ref => ({ hash, revision, version });
const numbered = (ref: Ref, revisions: ReadonlyMap<string, number>): Ref => ({
  ...refOf(ref),
  revision: revisions.get(ref.hash) ?? ref.revision,
});
