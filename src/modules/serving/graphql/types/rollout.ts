/** One way from a revision to another, with its steps. */
import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionOf } from '../../../../graphql/connection.ts';
import { Node } from '../../../../graphql/node.ts';
import { DateTime } from '../../../../graphql/scalars.ts';
import { enumOf } from './enums.ts';
import { StepSpec } from './strategy.ts';

export const RolloutPhase = enumOf(
  'PENDING',
  'PROGRESSING',
  'PAUSED',
  'VERIFYING',
  'PROMOTING',
  'HEALTHY',
  'ABORTING',
  'ABORTED',
  'DEGRADED',
  'SUPERSEDED',
);
registerEnumType(RolloutPhase, {
  name: 'RolloutPhase',
  description: 'Where a rollout stands.',
  valuesConfig: {
    PENDING: { description: 'Asked for; the controller has not begun it.' },
    PROGRESSING: { description: 'The canary gets its pods.' },
    PAUSED: { description: 'Waits for time or for somebody.' },
    VERIFYING: { description: 'The weight is set; its effect is being counted.' },
    PROMOTING: { description: 'All steps are done; everything moves over.' },
    HEALTHY: { description: 'Ended; what it brought is stable.' },
    ABORTING: { description: 'Traffic goes back to stable.' },
    ABORTED: { description: 'Ended; stable serves everything.' },
    DEGRADED: { description: 'Makes no progress.' },
    SUPERSEDED: { description: 'Ended; a newer rollout took its place.' },
  },
});

const RolloutOutcome = enumOf('PROMOTED', 'FAST_PROMOTED', 'ABORTED', 'SUPERSEDED', 'ROLLED_BACK', 'FAST_ROLLED_BACK');
registerEnumType(RolloutOutcome, {
  name: 'RolloutOutcome',
  description: 'How a rollout ended. FAST: without its steps.',
});

export const RolloutVerb = enumOf(
  'PROMOTE',
  'PROMOTE_FULL',
  'SKIP_STEP',
  'PAUSE',
  'RESUME',
  'ABORT',
  'RETRY',
  'ROLLBACK',
);
registerEnumType(RolloutVerb, {
  name: 'RolloutVerb',
  description: 'What can be done to a rollout.',
  valuesConfig: {
    PROMOTE: { description: '`promoteRollout`, which passes the pause that it stands at.' },
    PROMOTE_FULL: { description: '`promoteRollout(to: FULL)`: past all steps, also after an abort.' },
    SKIP_STEP: {
      description: 'It has steps that may be left out: `promoteRollout(to: END)` leaves out all that are not done.',
    },
    PAUSE: { description: '`pauseRollout`.' },
    RESUME: { description: '`resumeRollout`.' },
    ABORT: { description: '`abortRollout`.' },
    RETRY: { description: '`retryRollout`.' },
    ROLLBACK: { description: '`rollbackDeployment`: there is a revision that was stable before.' },
  },
});

const StepState = enumOf('WAITING', 'ACTIVE', 'DONE', 'SKIPPED', 'FAILED');
registerEnumType(StepState, { name: 'StepState', description: 'How far a step is.' });

@ObjectType({ simpleResolvers: true, description: 'One step of a rollout and how far it is.' })
export class RolloutStep {
  @Field(() => Int, { description: 'Counts from 0. Since: 0.1' })
  index!: number;
  @Field(() => StepSpec, { description: 'What it does. Since: 0.1' })
  spec!: StepSpec;
  @Field(() => StepState, { description: 'How far it is. Since: 0.1' })
  state!: string;
  @Field(() => DateTime, { nullable: true, description: 'When it was entered. Since: 0.1' })
  startedAt!: string | null;
  @Field(() => DateTime, { nullable: true, description: 'When the next one was entered. Since: 0.1' })
  finishedAt!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'Who or what aborted, and why.' })
export class AbortRecord {
  @Field(() => DateTime, { description: 'When. Since: 0.1' })
  at!: string;
  @Field(() => String, { description: 'Why, in words. Since: 0.1' })
  reason!: string;
}

@ObjectType('Rollout', {
  implements: Node,
  simpleResolvers: true,
  description: 'The passage from one stable revision to another.',
})
export class Rollout extends Node {
  @Field(() => Int, {
    nullable: true,
    description: 'Counts the rollouts of a deployment; null until it has begun. Since: 0.1',
  })
  number!: number | null;
  @Field(() => DateTime, { description: 'When it began, or was asked for. Since: 0.1' })
  startedAt!: Date;
  @Field(() => DateTime, { nullable: true, description: 'When it ended. Since: 0.1' })
  finishedAt!: Date | null;
  @Field(() => RolloutPhase, { description: 'Where it stands. Since: 0.1' })
  phase!: string;
  @Field(() => RolloutOutcome, { nullable: true, description: 'How it ended; null while it runs. Since: 0.1' })
  outcome!: string | null;
  @Field(() => String, { description: 'What it waits for or how it ended, in words. Since: 0.1' })
  message!: string;
  @Field(() => String, { nullable: true, description: 'Why it was asked for, as its starter said. Since: 0.1' })
  reason!: string | null;
  @Field(() => Int, { description: 'The step it stands at, from 0; the number of steps when all are done. Since: 0.1' })
  stepIndex!: number;
  @Field(() => Int, { description: 'Share of the traffic that what it brings is meant to have, 0 to 100. Since: 0.1' })
  weight!: number;
  @Field(() => AbortRecord, { nullable: true, description: 'Set when it was aborted. Since: 0.1' })
  abort!: AbortRecord | null;
}

export const RolloutConnection = connectionOf('Rollout', () => Rollout);
