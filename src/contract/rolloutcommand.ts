/** The RolloutCommand custom resource: a verb, made once, handled once, answered in its own status. */
import type { KubeObject } from '../platform/cluster/port.ts';

/** How long an answered command can be read; then the controller deletes it. */
export const COMMAND_KEPT_MS = 3_600_000;

export type CommandVerb = 'Promote' | 'SkipStep' | 'Abort' | 'Retry' | 'Restart';
export type PromoteTo = 'NextStep' | 'End' | 'Full';

/** Everything a person may do to a rollout. Pause, resume and rollback are edits of the spec, the rest are commands. */
export type RolloutVerb = 'Promote' | 'PromoteFull' | 'SkipStep' | 'Pause' | 'Resume' | 'Abort' | 'Retry' | 'Rollback';

export interface RolloutCommand extends KubeObject {
  /** Immutable. */
  spec: {
    deployment: string;
    /** The rollout's number. A command for another rollout than the current one is refused and never runs. */
    rollout: number;
    verb: CommandVerb;
    /** Promote only. */
    to?: PromoteTo;
    /** The step that was seen, from 0: the command is refused when the rollout has gone on since. Promote and SkipStep only. */
    stepIndex?: number;
    reason?: string;
    by?: string;
  };
  status?: {
    state: 'Done' | 'Refused';
    message: string;
    allowed?: RolloutVerb[];
    handledAt: string;
  };
}
