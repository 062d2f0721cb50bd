/** What the rollout engine sees and what it answers. Plain data: no clients, no clocks, nothing that can fail. */
import type {
  HistoryEntry,
  ModelDeploymentSpec,
  ModelDeploymentStatus,
  RolloutStatus,
} from '../../contract/modeldeployment.ts';
import type { RolloutCommand } from '../../contract/rolloutcommand.ts';

/** A revision by its three names. */
export interface Ref {
  hash: string;
  revision: number;
  version: number;
}

/** Why a pod is not what it should be, in its own last words. */
export interface Failure {
  reason: string;
  message: string;
}

/** What runs of one revision. */
export interface Side {
  /** What its Deployment is asked for; 0 when there is none. */
  replicas: number;
  pods: number;
  ready: number;
  /** Ready, and asked by nobody yet whether it is the model it should be, or found to be it. */
  available: number;
  /** Available, and it said itself that it serves this version. */
  verified: number;
  /** Available, but it said that it serves something else or nothing. */
  refuted: number;
  exists: boolean;
  failure?: Failure;
  artifact: 'Verified' | 'Refused' | 'Unknown';
}

export const NO_SIDE: Side = {
  replicas: 0,
  pods: 0,
  ready: 0,
  available: 0,
  verified: 0,
  refuted: 0,
  exists: false,
  artifact: 'Unknown',
};

export interface Weights {
  stable: number;
  canary: number;
}

export interface RouteState {
  /** Programmed: every Gateway has accepted this generation and found all it refers to. */
  state: 'Absent' | 'Pending' | 'Programmed' | 'Refused';
  reason: string;
  message: string;
  /** As the route says now. */
  weights?: Weights;
}

/** What the gateway counted since the route's present weights are in force. */
export interface TrafficState {
  /** How long this process has seen the present weights programmed; 0 while they are not. */
  programmedForMs: number;
  requests?: Weights;
  /** The weights in the gateway's own table. */
  table?: Weights;
  /** The gateway should say what it counted, and did not the last time: which is no gateway without counts. */
  isUnread?: true;
}

export interface Observed {
  /** What the spec asks for, with the number its ControllerRevision has or will get. */
  desired: Ref;
  /** Numbers of the revisions that are known, by hash: returning to an old one raises its number. */
  revisions: ReadonlyMap<string, number>;
  /** The number each was first given: which of two revisions is the older one, whatever has been returned to since. */
  firstRevisions: ReadonlyMap<string, number>;
  /** Every revision that has a Deployment. */
  sides: ReadonlyMap<string, Side>;
  /** Whose pods each Service selects now; undefined while it does not exist. */
  selectors: { stable?: string; canary?: string };
  /** Hashes of the pods that are ready endpoints of each Service. */
  endpoints: { stable: readonly string[]; canary: readonly string[] };
  route: RouteState;
  traffic: TrafficState;
}

export interface RolloutInput {
  spec: ModelDeploymentSpec;
  /** What holds the rollout, when that is not spec.paused itself but what is wrong with the spec. */
  obstacle?: Failure;
  status: ModelDeploymentStatus;
  /** Annotation `clops.dev/rollout`. */
  rolloutId?: string;
  /** Rollouts that were counted before this resource was made, in a cluster that is no more. */
  rolloutsBefore?: number;
  observed: Observed;
  /** Unanswered commands for this deployment, the oldest first. */
  commands: readonly RolloutCommand[];
  /** Milliseconds since the epoch. */
  now: number;
}

export interface Happening {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** What becomes of the one command that was looked at. */
export interface Answer {
  name: string;
  state: 'Done' | 'Refused';
  message: string;
}

/** The part of the status that the walk changes. */
export interface Run {
  stable?: Ref;
  canary?: Ref;
  rollout: RolloutStatus;
  history: readonly HistoryEntry[];
  restartedAt?: string;
}

/** How many pods each side should have, and the share of the canary. */
export interface Plan {
  stable: number;
  canary: number;
  /** Pods of what the canary Service selects when that is not the canary; see PlanInput. */
  dropped?: number;
  /** Percent of the requests for what the canary Service selects. */
  weight: number;
  /** The canary has the pods that its next weight needs. */
  hasCapacity: boolean;
  /** How many verified pods that would be. */
  needed: number;
}

export interface Decision {
  run: Run;
  plan: Plan;
  deployments: { hash: string; replicas: number }[];
  /** Deployments that nobody needs any more. */
  remove: string[];
  services: { stable: string; canary: string };
  /** Undefined: there is nothing yet that may receive requests, or the route stays as it is. */
  weights?: Weights;
  traffic: TrafficVerdict;
  events: Happening[];
  answer?: Answer;
  /** Look again after so many milliseconds, if nothing happens before. */
  after?: number;
}

export interface TrafficVerdict {
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  /** The weights are in force as far as can be known. */
  proceed: boolean;
}
