/** The ModelDeployment custom resource: what is to be served and how to get there. Mirrors deploy/crds. */
import type { KubeObject } from '../platform/cluster/port.ts';

export interface ModelDeployment extends KubeObject {
  spec: ModelDeploymentSpec;
  status?: ModelDeploymentStatus;
}

export interface ModelDeploymentSpec {
  model: ModelRef;
  /** Name of a ServingRuntime. */
  runtime: string;
  /** Absent means 1. */
  replicas?: number;
  resources?: ResourcesSpec;
  placement?: PlacementSpec;
  endpoint?: { parentRefs?: ParentRef[]; path?: string };
  /** Absent means rolling with its defaults. */
  strategy?: StrategySpec;
  paused?: boolean;
  revisionHistoryLimit?: number;
}

export interface ModelRef {
  name: string;
  version: number;
  format: string;
  artifact: ArtifactRef;
}

export interface ArtifactRef {
  uri: string;
  /** `sha256:` and 64 hex digits. */
  digest: string;
  sizeBytes?: number;
  /** A Secret in the same namespace with key `url`: a URL signed for this digest. */
  secretName?: string;
}

export interface ResourcesSpec {
  requests?: { cpu?: string; memory?: string };
  gpus?: { count: number; product?: string; memoryMib?: number; migProfile?: string };
}

export interface PlacementSpec {
  nodeSelector?: Record<string, string>;
  tolerations?: { key?: string; operator?: string; value?: string; effect?: string }[];
  priorityClassName?: string;
}

export interface ParentRef {
  name: string;
  namespace?: string;
  sectionName?: string;
}

/** Exactly one member is set. Has no defaults in the CRD: the controller fills them in when it reads. */
export interface StrategySpec {
  rolling?: RollingSpec;
  canary?: CanarySpec;
}

export type IntOrPercent = number | string;

export interface RollingSpec {
  maxSurge?: IntOrPercent;
  maxUnavailable?: IntOrPercent;
}

export interface CanarySpec {
  steps: StepSpec[];
  maxSurge?: IntOrPercent;
  maxUnavailable?: IntOrPercent;
  progressDeadlineSeconds?: number;
  abortOnDeadline?: boolean;
  scaleDownDelaySeconds?: number;
}

/** Exactly one member is set. `pause: {}` waits until somebody promotes. */
export interface StepSpec {
  setWeight?: number;
  pause?: { seconds?: number };
}

export const STRATEGY_DEFAULTS = {
  maxSurge: '25%' as IntOrPercent,
  maxUnavailable: '25%' as IntOrPercent,
  progressDeadlineSeconds: 600,
  abortOnDeadline: false,
  scaleDownDelaySeconds: 30,
} as const;

export type ConditionStatus = 'True' | 'False' | 'Unknown';

export interface Condition {
  type: string;
  status: ConditionStatus;
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

export type DeploymentPhase = 'Pending' | 'Progressing' | 'Healthy' | 'Degraded' | 'Paused' | 'Stopped' | 'Deleting';

export type RolloutPhase =
  | 'Pending'
  | 'Progressing'
  | 'Paused'
  | 'Verifying'
  | 'Promoting'
  | 'Healthy'
  | 'Aborting'
  | 'Aborted'
  | 'Degraded'
  | 'Superseded';

export type RolloutOutcome = 'Promoted' | 'FastPromoted' | 'Aborted' | 'Superseded' | 'RolledBack' | 'FastRolledBack';

/** One side of the traffic. `revision` is the ControllerRevision's number, `hash` its name's suffix. */
export interface TargetStatus {
  revision: number;
  hash: string;
  version: number;
  replicas: number;
  readyReplicas: number;
  weight: number;
}

export interface RolloutStatus {
  /** From the annotation `clops.dev/rollout`; absent until minted. */
  id?: string;
  number: number;
  /** Hash of the revision that is rolled out. */
  hash: string;
  phase: RolloutPhase;
  /** Words for people: what it waits for, or why it ended. */
  message?: string;
  /** 0-based; equals the number of steps when all are done. */
  stepIndex: number;
  stepStartedAt?: string;
  stepHash?: string;
  startedAt: string;
  /** When something last moved: a step was completed, a pod became ready, a pause ended. The deadline counts from here. */
  progressedAt?: string;
  pausedAt?: string;
  /** Seconds of earlier pauses. */
  pausedBeforeSeconds?: number;
  /** The steps are skipped: promoted in full, or back to a revision that was stable a short while ago. */
  fast?: boolean;
  /** Steps that were left out and not done, 0-based. */
  skippedSteps?: number[];
  from?: number;
  to: number;
  outcome?: RolloutOutcome;
  finishedAt?: string;
  abort?: { at: string; by?: string; reason: string };
}

export interface HistoryEntry {
  id?: string;
  number: number;
  /** Hash of the revision that was rolled out. */
  hash: string;
  outcome: RolloutOutcome;
  from?: number;
  to: number;
  startedAt: string;
  finishedAt: string;
}

export interface ModelDeploymentStatus {
  observedGeneration?: number;
  phase?: DeploymentPhase;
  replicas?: number;
  selector?: string;
  /** `5/5`, for printing. */
  step?: string;
  /** `6/6`, for printing. */
  ready?: string;
  conditions?: Condition[];
  url?: string;
  stable?: TargetStatus;
  canary?: TargetStatus;
  rollout?: RolloutStatus;
  /** When pods were last asked to be replaced (the verb Restart). */
  restartedAt?: string;
  /** Commands acted on but not yet seen as marked. */
  handledCommands?: string[];
  history?: HistoryEntry[];
}
