/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** The bytes of a version. */
export type ArtifactInput = {
  /** `sha256:` and 64 hex digits, uploaded before. */
  digest: string;
  /** Where it came from, for people. */
  uri?: string | null | undefined;
};

/** Give the new version a growing share of the traffic. */
export type CanaryInput = {
  /** Abort when the deadline is passed, instead of only showing it. Default false. */
  abortOnDeadline?: boolean | null | undefined;
  /** Pods beyond the wanted number while they are restarted. Those of the new version come on top: half as many again at 50 %, twice as many at the end. Default 25%. */
  maxSurge?: number | string | null | undefined;
  /** Pods below the wanted number. Default 25%. */
  maxUnavailable?: number | string | null | undefined;
  /** Seconds without progress, pauses not counted. Default 600. */
  progressDeadlineSeconds?: number | null | undefined;
  /** Seconds that pods without traffic are kept. Default 30. */
  scaleDownDelaySeconds?: number | null | undefined;
  /** At least one, at most 50. */
  steps: Array<StepInput>;
};

/** True, false, or not known. */
export type ConditionStatus =
  | 'FALSE'
  | 'TRUE'
  | 'UNKNOWN';

/** A new model. */
export type CreateModelInput = {
  /** What it is, in Markdown. */
  description?: string | null | undefined;
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
  /** At most 52 characters: lower-case letters, digits and "-". */
  name: string;
  /** Free key-value pairs. */
  tags?: Record<string, unknown> | null | undefined;
  /** Name of the team that owns it. */
  team: string;
};

/** A new version of a model. */
export type CreateModelVersionInput = {
  /** Its bytes. */
  artifact: ArtifactInput;
  /** What is new in it, in Markdown. */
  description?: string | null | undefined;
  /** What kind of file it is. */
  format: ModelFormat;
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
  /** What was measured of it offline. */
  metrics?: Record<string, unknown> | null | undefined;
  /** The model. */
  model: string;
  /** What it was trained with. */
  parameters?: Record<string, unknown> | null | undefined;
  /** The run it came from. */
  run?: string | null | undefined;
  /** Read from the file where the format carries it (ONNX); what is given here counts elsewhere. */
  signature?: SignatureInput | null | undefined;
  /** The source revision it was made from. */
  source?: SourceInput | null | undefined;
  /** Free key-value pairs. */
  tags?: Record<string, unknown> | null | undefined;
};

/** What a new team is called. */
export type CreateTeamInput = {
  /** Name for people. Default: the name. */
  displayName?: string | null | undefined;
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
  /** At most 52 characters: lower-case letters, digits and "-". Becomes the namespace. */
  name: string;
};

/** The deployment to delete. */
export type DeleteDeploymentInput = {
  /** The deployment. */
  deployment: string;
  /** Refuse with a ConflictError when the deployment is not at this generation. */
  expectedGeneration?: number | null | undefined;
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
};

/** The model to delete, with its versions. */
export type DeleteModelInput = {
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
  /** The model. */
  model: string;
  /** CONFLICT when it has a version. Default false. */
  onlyIfEmpty?: boolean | null | undefined;
};

/** What is to be served where. What is not given stays as it is, or has its default the first time. */
export type DeployModelInput = {
  /** Refuse with a ConflictError when the deployment is not at this generation. */
  expectedGeneration?: number | null | undefined;
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
  /** Name of a model of the team. */
  model: string;
  /** Name of the deployment; made when it is new. At most 52 lower-case letters, digits and "-". */
  name: string;
  /** 0 to 1000. Default 1. */
  replicas?: number | null | undefined;
  /** What each replica is given. */
  resources?: ResourcesInput | null | undefined;
  /** A ServingRuntime. Default: one that serves the format. */
  runtime?: string | null | undefined;
  /** How a new version takes over. Default rolling. */
  strategy?: StrategyInput | null | undefined;
  /** Name of the team. */
  team: string;
  /** Which version of it. */
  version: VersionSelector;
};

/** A deployment in one word, derived from its conditions. */
export type DeploymentPhase =
  /** Something is not as wanted; conditions and the rollout say what. Stable may well be serving. */
  | 'DEGRADED'
  /** On its way out. */
  | 'DELETING'
  /** What is wanted serves. */
  | 'HEALTHY'
  /** A rollout waits for time or for somebody. */
  | 'PAUSED'
  /** Nothing serves yet. */
  | 'PENDING'
  /** A rollout is on its way, or pods are: it was scaled, or some are replaced. */
  | 'PROGRESSING'
  /** Scaled to nothing, as wanted. */
  | 'STOPPED';

/** Narrows a list of deployments. All given fields must hold. */
export type DeploymentWhere = {
  /** Serves this model. */
  model?: string | null | undefined;
  /** Its name. */
  name?: StringFilter | null | undefined;
  /** Is in one of these phases. */
  phase?: Array<DeploymentPhase> | null | undefined;
  /** Name of a team. One that is not there is a fault: NOT_FOUND. */
  team?: string | null | undefined;
};

/** Narrows the log. All given fields must hold. */
export type EventWhere = {
  /** Id of the operation that caused it. */
  operation?: string | null | undefined;
  /** Id of anything the event is about: a deployment gives its rollouts’ events too. */
  subject?: string | null | undefined;
  /** Name of a team. One that is not there is a fault: NOT_FOUND. */
  team?: string | null | undefined;
  /** Types; each may end in a wildcard: `rollout.*`. At most 20. */
  types?: Array<string> | null | undefined;
};

/** Narrows a list of nodes. All given fields must hold. */
export type GpuNodeWhere = {
  /** Has a GPU that no pod has asked for, or has none. */
  hasFreeGpu?: boolean | null | undefined;
  /** Has this label. */
  label?: TagFilter | null | undefined;
  /** Product of its GPUs. */
  product?: StringFilter | null | undefined;
  /** Ready, or not. */
  ready?: boolean | null | undefined;
};

/** What kind of file the artifact is. */
export type ModelFormat =
  | 'CUSTOM'
  | 'GGUF'
  | 'LIGHTGBM'
  | 'MLFLOW'
  | 'ONNX'
  | 'SAFETENSORS'
  | 'SAVED_MODEL'
  | 'SKLEARN'
  | 'TENSORFLOW'
  | 'TENSORRT'
  | 'TORCHSCRIPT'
  | 'XGBOOST';

/** Narrows a list of models. All given fields must hold. */
export type ModelWhere = {
  /** Has a version of this format. */
  format?: ModelFormat | null | undefined;
  /** Its name. */
  name?: StringFilter | null | undefined;
  /** Has this tag. */
  tag?: TagFilter | null | undefined;
  /** Name of a team. One that is not there is a fault: NOT_FOUND. */
  team?: string | null | undefined;
};

/** How far a mutation has come. */
export type OperationState =
  /** Committed; the cluster has not been told yet. */
  | 'ACCEPTED'
  /** Refused by the cluster; `error` says why. What a deployment wants is tried again: taken after all, it goes on. */
  | 'FAILED'
  /** The cluster has been told and has not yet answered. */
  | 'PUBLISHED'
  /** Done. */
  | 'SUCCEEDED';

/** Wait. Without seconds: until somebody promotes. */
export type PauseInput = {
  /** How long, in seconds. */
  seconds?: number | null | undefined;
};

/** A rollout to promote. */
export type PromoteRolloutInput = {
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. For two quick verbs use two keys. */
  idempotencyKey?: string | null | undefined;
  /** Why, for the log. */
  reason?: string | null | undefined;
  /** The rollout. */
  rollout: string;
  /** The step that was seen, from 0: NOT_ALLOWED_NOW when the rollout stands elsewhere by now. */
  step?: number | null | undefined;
  /** How far. Default NEXT_STEP. */
  to?: PromoteTo | null | undefined;
};

/** How far to promote. */
export type PromoteTo =
  /** Leave out all remaining steps. */
  | 'END'
  /** Move everything as soon as there are pods for it. */
  | 'FULL'
  /** End the present pause. */
  | 'NEXT_STEP';

/** What each replica is given. What is not given, or null, stays as it is, field by field; the first time it has the default of the runtime. */
export type ResourcesInput = {
  /** CPU: `500m`, `2`. */
  cpu?: string | null | undefined;
  /** Wanted memory per GPU, in MiB. */
  gpuMemoryMib?: number | null | undefined;
  /** Wanted product, as GPU feature discovery labels it: `NVIDIA-H200`. */
  gpuProduct?: string | null | undefined;
  /** GPUs per replica. With 0 goes what was said of them, too. */
  gpus?: number | null | undefined;
  /** Memory: `512Mi`. */
  memory?: string | null | undefined;
  /** Wanted MIG profile: `1g.10gb`. */
  migProfile?: string | null | undefined;
};

/** A deployment to take back. */
export type RollbackDeploymentInput = {
  /** The deployment. */
  deployment: string;
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
  /** Why, for the log. */
  reason?: string | null | undefined;
  /** Number of a revision that was stable (`wasStable`), else NOT_ALLOWED_NOW. Default: the last before the present. */
  toRevision?: number | null | undefined;
};

/** Replace pods little by little, without steps. */
export type RollingInput = {
  /** Pods beyond the wanted number. Default 25%. */
  maxSurge?: number | string | null | undefined;
  /** Pods below the wanted number. Default 25%. */
  maxUnavailable?: number | string | null | undefined;
};

/** A rollout, and why. */
export type RolloutInput = {
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. For two quick verbs use two keys. */
  idempotencyKey?: string | null | undefined;
  /** Why, for the log. */
  reason?: string | null | undefined;
  /** The rollout. */
  rollout: string;
};

/** How a rollout ended. FAST: without its steps. */
export type RolloutOutcome =
  | 'ABORTED'
  | 'FAST_PROMOTED'
  | 'FAST_ROLLED_BACK'
  | 'PROMOTED'
  | 'ROLLED_BACK'
  | 'SUPERSEDED';

/** Where a rollout stands. */
export type RolloutPhase =
  /** Ended; stable serves everything. */
  | 'ABORTED'
  /** Traffic goes back to stable. */
  | 'ABORTING'
  /** Makes no progress. */
  | 'DEGRADED'
  /** Ended; what it brought is stable. */
  | 'HEALTHY'
  /** Waits for time or for somebody. */
  | 'PAUSED'
  /** Asked for; the controller has not begun it. */
  | 'PENDING'
  /** The canary gets its pods. */
  | 'PROGRESSING'
  /** All steps are done; everything moves over. */
  | 'PROMOTING'
  /** Ended; a newer rollout took its place. */
  | 'SUPERSEDED'
  /** The weight is set; its effect is being counted. */
  | 'VERIFYING';

/** What can be done to a rollout. */
export type RolloutVerb =
  /** `abortRollout`. */
  | 'ABORT'
  /** `pauseRollout`. */
  | 'PAUSE'
  /** `promoteRollout`, which passes the pause that it stands at. */
  | 'PROMOTE'
  /** `promoteRollout(to: FULL)`: past all steps, also after an abort. */
  | 'PROMOTE_FULL'
  /** `resumeRollout`. */
  | 'RESUME'
  /** `retryRollout`. */
  | 'RETRY'
  /** `rollbackDeployment`: there is a revision that was stable before. */
  | 'ROLLBACK'
  /** It has steps that may be left out: `promoteRollout(to: END)` leaves out all that are not done. */
  | 'SKIP_STEP';

/** Narrows a list of rollouts. All given fields must hold. */
export type RolloutWhere = {
  /** Still runs, or has ended. */
  active?: boolean | null | undefined;
  /** Of this deployment. */
  deployment?: string | null | undefined;
  /** Is in one of these phases. */
  phase?: Array<RolloutPhase> | null | undefined;
  /** Name of a team. One that is not there is a fault: NOT_FOUND. */
  team?: string | null | undefined;
};

/** Where an alias is to point. */
export type SetAliasInput = {
  /** Makes the mutation safe to repeat: same key and input, same answer, one effect. */
  idempotencyKey?: string | null | undefined;
  /** The model. */
  model: string;
  /** The alias; made when it is new. */
  name: string;
  /** The version it names from now on. */
  version: VersionSelector;
};

/** What goes in and what comes out. */
export type SignatureInput = {
  /** What the model is given. */
  inputs: Array<TensorInput>;
  /** What it answers. */
  outputs: Array<TensorInput>;
};

/** A source revision. */
export type SourceInput = {
  /** Commit or release. */
  commit: string;
  /** Path inside it. */
  path?: string | null | undefined;
  /** Repository. */
  repository: string;
};

/** One step of a canary: exactly one field is set. */
export type StepInput =
  {   /** Wait. */
  pause: PauseInput; setWeight?: never; }
  |  { pause?: never;   /** Share of the traffic for the new version, 0 to 100; never falling. */
  setWeight: number; };

/** How far a step is. */
export type StepState =
  | 'ACTIVE'
  | 'DONE'
  | 'FAILED'
  | 'SKIPPED'
  | 'WAITING';

/** How a new version takes over: exactly one field is set. */
export type StrategyInput =
  {   /** With steps. */
  canary: CanaryInput; rolling?: never; }
  |  { canary?: never;   /** Without steps. */
  rolling: RollingInput; };

/** What a message of a stream is. */
export type StreamMessageKind =
  /** Something happened; `event` says what. */
  | 'EVENT'
  /** Nothing happened; only the cursor reached. */
  | 'HEARTBEAT'
  /** `after` is older than what is kept, or not of this log: read again, then go on from `cursor`. */
  | 'RESYNC_REQUIRED'
  /** The state as it is; first message of streams that show one thing. */
  | 'SNAPSHOT';

/** Conditions on a text; all that are given must hold. */
export type StringFilter = {
  /** Contains this. */
  contains?: string | null | undefined;
  /** Is exactly this. */
  eq?: string | null | undefined;
  /** Is one of these, at most 100. */
  in?: Array<string> | null | undefined;
  /** Begins with this. */
  startsWith?: string | null | undefined;
};

/** A tag, and what it says. */
export type TagFilter = {
  /** Name of the tag. */
  key: string;
  /** Its value. Without it: the tag is there. */
  value?: string | null | undefined;
};

/** One named tensor. */
export type TensorInput = {
  /** An Open Inference Protocol v2 name. */
  datatype: string;
  /** Its name in the model. */
  name: string;
  /** -1 is a free dimension. */
  shape: Array<number>;
};

/** Why something receives traffic. */
export type TrafficRole =
  | 'CANARY'
  | 'STABLE';

/** What kind of answer an error is. */
export type UserErrorCode =
  | 'CONFLICT'
  | 'DIGEST_MISMATCH'
  | 'INVALID_INPUT'
  | 'NAME_TAKEN'
  | 'NOT_ALLOWED_NOW'
  | 'NOT_FOUND'
  | 'UNSUPPORTED';

/** Which version: exactly one field is set. */
export type VersionSelector =
  {   /** The version that an alias names now. */
  alias: string; digest?: never; id?: never; latest?: never; number?: never; }
  |  { alias?: never;   /** The newest with these bytes. */
  digest: string; id?: never; latest?: never; number?: never; }
  |  { alias?: never; digest?: never;   /** Its id. */
  id: string; latest?: never; number?: never; }
  |  { alias?: never; digest?: never; id?: never;   /** The newest. Must be true. */
  latest: boolean; number?: never; }
  |  { alias?: never; digest?: never; id?: never; latest?: never;   /** Its number. */
  number: number; };

export type GpuNodesQueryVariables = Exact<{
  where?: GpuNodeWhere | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type GpuNodesQuery = { gpuNodes: { nodes: Array<{ id: string, name: string, ready: boolean, schedulable: boolean, product: string | null, memoryMib: number | null, capacity: { cpu: number, memoryBytes: number, pods: number, gpus: number }, allocatable: { cpu: number, memoryBytes: number, pods: number, gpus: number }, allocated: { cpu: number, memoryBytes: number, pods: number, gpus: number }, gpus: Array<{ index: number, product: string | null, memoryMib: number | null, healthy: boolean | null }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } | null };

export type SizesFragment = { cpu: number, memoryBytes: number, pods: number, gpus: number };

export type EventLineFragment = { id: string, cursor: string, type: string, at: string, message: string, data: Record<string, unknown>, actor:
    | { name: string }
    | { name: string }
  , team: { name: string } | null };

export type EventsQueryVariables = Exact<{
  where?: EventWhere | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type EventsQuery = { events: { nodes: Array<{ id: string, cursor: string, type: string, at: string, message: string, data: Record<string, unknown>, actor:
        | { name: string }
        | { name: string }
      , team: { name: string } | null }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } };

export type FollowEventsSubscriptionVariables = Exact<{
  where?: EventWhere | null | undefined;
  after?: string | null | undefined;
}>;


export type FollowEventsSubscription = { events: { kind: StreamMessageKind, cursor: string, event: { id: string, cursor: string, type: string, at: string, message: string, data: Record<string, unknown>, actor:
        | { name: string }
        | { name: string }
      , team: { name: string } | null } | null } };

export type OperationStateQueryVariables = Exact<{
  id: string;
}>;


export type OperationStateQuery = { operation: { id: string, state: OperationState, error: string | null } | null };

export type ServerInfoQueryVariables = Exact<{ [key: string]: never; }>;


export type ServerInfoQuery = { serverInfo: { version: string, schemaVersion: string, features: Array<string>, artifactsUrl: string, limits: { maxArtifactBytes: number } } };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { actor:
      | { __typename: 'Person', id: string, name: string }
      | { __typename: 'SystemActor', id: string, name: string }
     } };

export type TeamsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type TeamsQuery = { teams: { nodes: Array<{ id: string, name: string, displayName: string, namespace: string }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type CreateTeamMutationVariables = Exact<{
  input: CreateTeamInput;
}>;


export type CreateTeamMutation = { createTeam: { team: { id: string, name: string, displayName: string, namespace: string } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type NamedQueryVariables = Exact<{
  id: string;
}>;


export type NamedQuery = { node:
    | { __typename: 'Cluster', id: string }
    | { __typename: 'Deployment', name: string, id: string, team: { name: string } }
    | { __typename: 'Event', id: string }
    | { __typename: 'Experiment', id: string }
    | { __typename: 'Gpu', id: string }
    | { __typename: 'GpuNode', id: string }
    | { __typename: 'Model', name: string, id: string, team: { name: string } }
    | { __typename: 'ModelVersion', id: string }
    | { __typename: 'Operation', id: string }
    | { __typename: 'Person', id: string }
    | { __typename: 'Replica', id: string }
    | { __typename: 'Revision', id: string }
    | { __typename: 'Rollout', id: string }
    | { __typename: 'Run', id: string }
    | { __typename: 'ServingRuntime', id: string }
    | { __typename: 'SystemActor', id: string }
    | { __typename: 'Team', id: string }
   | null };

type Refusal_ConflictError_Fragment = { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null };

type Refusal_DigestMismatchError_Fragment = { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null };

type Refusal_InvalidInputError_Fragment = { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null };

type Refusal_NameTakenError_Fragment = { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null };

type Refusal_NotAllowedNowError_Fragment = { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null };

type Refusal_NotFoundError_Fragment = { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null };

type Refusal_UnsupportedError_Fragment = { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null };

export type RefusalFragment =
  | Refusal_ConflictError_Fragment
  | Refusal_DigestMismatchError_Fragment
  | Refusal_InvalidInputError_Fragment
  | Refusal_NameTakenError_Fragment
  | Refusal_NotAllowedNowError_Fragment
  | Refusal_NotFoundError_Fragment
  | Refusal_UnsupportedError_Fragment
;

export type ModelLineFragment = { id: string, name: string, description: string, createdAt: string, tags: Record<string, unknown>, team: { name: string }, aliases: Array<{ name: string, version: { number: number } }>, latestVersion: { number: number, format: ModelFormat, createdAt: string } | null };

export type VersionLineFragment = { id: string, number: number, format: ModelFormat, description: string, createdAt: string, createdBy:
    | { name: string }
    | { name: string }
  , aliases: Array<{ name: string }>, artifact: { digest: string, sizeBytes: number, uri: string } };

export type VersionWholeFragment = { parameters: Record<string, unknown>, metrics: Record<string, unknown>, tags: Record<string, unknown>, id: string, number: number, format: ModelFormat, description: string, createdAt: string, source: { repository: string, commit: string, path: string | null } | null, signature: { inputs: Array<{ name: string, datatype: string, shape: Array<number> }>, outputs: Array<{ name: string, datatype: string, shape: Array<number> }> } | null, model: { name: string, team: { name: string } }, createdBy:
    | { name: string }
    | { name: string }
  , aliases: Array<{ name: string }>, artifact: { digest: string, sizeBytes: number, uri: string } };

export type ModelsQueryVariables = Exact<{
  where?: ModelWhere | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type ModelsQuery = { models: { nodes: Array<{ id: string, name: string, description: string, createdAt: string, tags: Record<string, unknown>, team: { name: string }, aliases: Array<{ name: string, version: { number: number } }>, latestVersion: { number: number, format: ModelFormat, createdAt: string } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type ModelNamesQueryVariables = Exact<{
  where?: ModelWhere | null | undefined;
}>;


export type ModelNamesQuery = { models: { nodes: Array<{ id: string, name: string, team: { name: string } }> } };

export type ModelQueryVariables = Exact<{
  id: string;
  first: number;
  after?: string | null | undefined;
}>;


export type ModelQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment' }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model', id: string, name: string, description: string, createdAt: string, tags: Record<string, unknown>, versions: { nodes: Array<{ id: string, number: number, format: ModelFormat, description: string, createdAt: string, createdBy:
            | { name: string }
            | { name: string }
          , aliases: Array<{ name: string }>, artifact: { digest: string, sizeBytes: number, uri: string } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } }, team: { name: string }, aliases: Array<{ name: string, version: { number: number } }>, latestVersion: { number: number, format: ModelFormat, createdAt: string } | null }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout' }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type ModelVersionQueryVariables = Exact<{
  model: string;
  number?: number | null | undefined;
  alias?: string | null | undefined;
}>;


export type ModelVersionQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment' }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model', id: string, version: { parameters: Record<string, unknown>, metrics: Record<string, unknown>, tags: Record<string, unknown>, id: string, number: number, format: ModelFormat, description: string, createdAt: string, source: { repository: string, commit: string, path: string | null } | null, signature: { inputs: Array<{ name: string, datatype: string, shape: Array<number> }>, outputs: Array<{ name: string, datatype: string, shape: Array<number> }> } | null, model: { name: string, team: { name: string } }, createdBy:
          | { name: string }
          | { name: string }
        , aliases: Array<{ name: string }>, artifact: { digest: string, sizeBytes: number, uri: string } } | null, latestVersion: { number: number } | null, aliases: Array<{ name: string }> }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout' }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type CreateModelMutationVariables = Exact<{
  input: CreateModelInput;
}>;


export type CreateModelMutation = { createModel: { model: { id: string, name: string, team: { name: string } } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type DeleteModelMutationVariables = Exact<{
  input: DeleteModelInput;
}>;


export type DeleteModelMutation = { deleteModel: { deletedId: string | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type CreateModelVersionMutationVariables = Exact<{
  input: CreateModelVersionInput;
}>;


export type CreateModelVersionMutation = { createModelVersion: { version: { parameters: Record<string, unknown>, metrics: Record<string, unknown>, tags: Record<string, unknown>, id: string, number: number, format: ModelFormat, description: string, createdAt: string, source: { repository: string, commit: string, path: string | null } | null, signature: { inputs: Array<{ name: string, datatype: string, shape: Array<number> }>, outputs: Array<{ name: string, datatype: string, shape: Array<number> }> } | null, model: { name: string, team: { name: string } }, createdBy:
        | { name: string }
        | { name: string }
      , aliases: Array<{ name: string }>, artifact: { digest: string, sizeBytes: number, uri: string } } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type SetAliasMutationVariables = Exact<{
  input: SetAliasInput;
}>;


export type SetAliasMutation = { setAlias: { version: { id: string, number: number } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type ServesFragment = { id: string, number: number, model: { name: string } };

export type TargetFragment = { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null };

export type CountedTargetFragment = { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null };

export type RolloutStateFragment = { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
    | { name: string }
    | { name: string }
  , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> };

export type DeploymentLineFragment = { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null };

export type DeploymentPictureFragment = { paused: boolean, id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, strategy: { canary: { progressDeadlineSeconds: number } | null, rolling: { maxSurge: number | string, maxUnavailable: number | string } | null }, stable: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, traffic: Array<{ observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null }>, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb>, number: number | null, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, startedBy:
      | { name: string }
      | { name: string }
    , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, currentReplicas: Array<{ id: string, name: string, phase: string, ready: boolean, restarts: number, message: string | null, createdAt: string | null, role: TrafficRole | null, revision: { id: string, number: number, createdAt: string } }> | null, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }> };

export type DeploymentsQueryVariables = Exact<{
  where?: DeploymentWhere | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type DeploymentsQuery = { deployments: { nodes: Array<{ id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type DeploymentNamesQueryVariables = Exact<{
  where?: DeploymentWhere | null | undefined;
}>;


export type DeploymentNamesQuery = { deployments: { nodes: Array<{ id: string, name: string, team: { name: string } }> } };

export type DeploymentQueryVariables = Exact<{
  id: string;
}>;


export type DeploymentQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment', paused: boolean, id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, resources: { cpu: string | null, memory: string | null, gpus: number | null, gpuProduct: string | null, gpuMemoryMib: number | null, migProfile: string | null }, strategy: { canary: { progressDeadlineSeconds: number } | null, rolling: { maxSurge: number | string, maxUnavailable: number | string } | null }, stable: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, traffic: Array<{ observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null }>, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb>, number: number | null, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, startedBy:
          | { name: string }
          | { name: string }
        , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, currentReplicas: Array<{ id: string, name: string, phase: string, ready: boolean, restarts: number, message: string | null, createdAt: string | null, role: TrafficRole | null, revision: { id: string, number: number, createdAt: string } }> | null, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }> }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model' }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout' }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type DeploymentSignatureQueryVariables = Exact<{
  id: string;
}>;


export type DeploymentSignatureQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment', id: string, name: string, ready: boolean, phase: DeploymentPhase, endpoint: { url: string, protocol: string } | null, model: { name: string }, stable: { version: { number: number, signature: { inputs: Array<{ name: string, datatype: string, shape: Array<number> }> } | null } | null } | null, version: { number: number, signature: { inputs: Array<{ name: string, datatype: string, shape: Array<number> }> } | null } }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model' }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout' }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type RolloutOwnerQueryVariables = Exact<{
  id: string;
}>;


export type RolloutOwnerQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment' }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model' }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout', id: string, deployment: { id: string, name: string, team: { name: string } } }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type RolloutStoryQueryVariables = Exact<{
  id: string;
  first: number;
}>;


export type RolloutStoryQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment' }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model' }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout', id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, deployment: { id: string, name: string, team: { name: string } }, events: { nodes: Array<{ id: string, cursor: string, type: string, at: string, message: string, data: Record<string, unknown>, actor:
            | { name: string }
            | { name: string }
          , team: { name: string } | null }>, pageInfo: { hasNextPage: boolean } }, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type RevisionsQueryVariables = Exact<{
  deployment: string;
}>;


export type RevisionsQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment', revisions: { nodes: Array<{ number: number, hash: string }> } }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model' }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout' }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type RolloutsQueryVariables = Exact<{
  where?: RolloutWhere | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type RolloutsQuery = { rollouts: { nodes: Array<{ id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, deployment: { id: string, name: string, team: { name: string } }, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type DeployModelMutationVariables = Exact<{
  input: DeployModelInput;
}>;


export type DeployModelMutation = { deployModel: { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type PromoteRolloutMutationVariables = Exact<{
  input: PromoteRolloutInput;
}>;


export type PromoteRolloutMutation = { promoteRollout: { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type PauseRolloutMutationVariables = Exact<{
  input: RolloutInput;
}>;


export type PauseRolloutMutation = { pauseRollout: { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type ResumeRolloutMutationVariables = Exact<{
  input: RolloutInput;
}>;


export type ResumeRolloutMutation = { resumeRollout: { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type AbortRolloutMutationVariables = Exact<{
  input: RolloutInput;
}>;


export type AbortRolloutMutation = { abortRollout: { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type RetryRolloutMutationVariables = Exact<{
  input: RolloutInput;
}>;


export type RetryRolloutMutation = { retryRollout: { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type RollbackDeploymentMutationVariables = Exact<{
  input: RollbackDeploymentInput;
}>;


export type RollbackDeploymentMutation = { rollbackDeployment: { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type RolloutAnswerFragment = { deployment: { id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }>, stable: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb> } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, startedBy:
      | { name: string }
      | { name: string }
    , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, operation: { id: string, state: OperationState } | null, errors: Array<
    | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
    | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
    | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
    | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
    | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
    | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
    | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
  > };

export type DeleteDeploymentMutationVariables = Exact<{
  input: DeleteDeploymentInput;
}>;


export type DeleteDeploymentMutation = { deleteDeployment: { deletedId: string | null, operation: { id: string, state: OperationState } | null, errors: Array<
      | { __typename: 'ConflictError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'DigestMismatchError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NameTakenError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotAllowedNowError', phase: string | null, allowed: Array<string>, code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'NotFoundError', code: UserErrorCode, message: string, path: Array<string> | null }
      | { __typename: 'UnsupportedError', code: UserErrorCode, message: string, path: Array<string> | null }
    > } };

export type DeploymentChangedSubscriptionVariables = Exact<{
  deployment: string;
  after?: string | null | undefined;
}>;


export type DeploymentChangedSubscription = { deploymentChanged: { kind: StreamMessageKind, cursor: string, event: { id: string, cursor: string, type: string, at: string, message: string, data: Record<string, unknown>, actor:
        | { name: string }
        | { name: string }
      , team: { name: string } | null } | null, deployment: { paused: boolean, id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, strategy: { canary: { progressDeadlineSeconds: number } | null, rolling: { maxSurge: number | string, maxUnavailable: number | string } | null }, stable: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, traffic: Array<{ observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null }>, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb>, number: number | null, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, startedBy:
          | { name: string }
          | { name: string }
        , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, currentReplicas: Array<{ id: string, name: string, phase: string, ready: boolean, restarts: number, message: string | null, createdAt: string | null, role: TrafficRole | null, revision: { id: string, number: number, createdAt: string } }> | null, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }> } } };

export type RolloutProgressSubscriptionVariables = Exact<{
  rollout: string;
  after?: string | null | undefined;
}>;


export type RolloutProgressSubscription = { rolloutProgress: { kind: StreamMessageKind, cursor: string, event: { id: string, cursor: string, type: string, at: string, message: string, data: Record<string, unknown>, actor:
        | { name: string }
        | { name: string }
      , team: { name: string } | null } | null, rollout: { id: string, number: number | null, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, allowed: Array<RolloutVerb>, deployment: { paused: boolean, id: string, name: string, phase: DeploymentPhase, ready: boolean, replicas: number, generation: number, createdAt: string, strategy: { canary: { progressDeadlineSeconds: number } | null, rolling: { maxSurge: number | string, maxUnavailable: number | string } | null }, stable: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, canary: { observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null } | null, traffic: Array<{ observedShare: number | null, observedRequests: number | null, role: TrafficRole, weight: number, replicas: number, readyReplicas: number, revision: { id: string, number: number, hash: string, createdAt: string } | null, version: { id: string, number: number, model: { name: string } } | null }>, rollout: { id: string, phase: RolloutPhase, outcome: RolloutOutcome | null, message: string, allowed: Array<RolloutVerb>, number: number | null, reason: string | null, startedAt: string, finishedAt: string | null, stepIndex: number, weight: number, pausedSeconds: number, startedBy:
            | { name: string }
            | { name: string }
          , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } | null, currentReplicas: Array<{ id: string, name: string, phase: string, ready: boolean, restarts: number, message: string | null, createdAt: string | null, role: TrafficRole | null, revision: { id: string, number: number, createdAt: string } }> | null, team: { name: string }, model: { name: string }, version: { id: string, number: number }, endpoint: { url: string, protocol: string } | null, conditions: Array<{ type: string, status: ConditionStatus, reason: string, message: string }> }, startedBy:
        | { name: string }
        | { name: string }
      , abort: { at: string, reason: string } | null, from: { id: string, number: number, version: { id: string, number: number, model: { name: string } } } | null, to: { id: string, number: number, version: { id: string, number: number, model: { name: string } } }, steps: Array<{ index: number, state: StepState, startedAt: string | null, finishedAt: string | null, spec: { setWeight: number | null, pause: { seconds: number | null } | null } }> } } };

export type LiveMetricsSubscriptionVariables = Exact<{
  deployment: string;
  intervalSeconds?: number | null | undefined;
  windowSeconds?: number | null | undefined;
}>;


export type LiveMetricsSubscription = { liveMetrics: { at: string, windowSeconds: number, stale: boolean, targets: Array<{ target: { role: TrafficRole, weight: number, observedShare: number | null, observedRequests: number | null, version: { id: string } | null }, values: { requestRate: number | null, errorRatio: number | null, latencyP50Ms: number | null, latencyP95Ms: number | null, latencyP99Ms: number | null, samples: number | null } }> } };

export type DeploymentReplicasQueryVariables = Exact<{
  id: string;
}>;


export type DeploymentReplicasQuery = { node:
    | { __typename: 'Cluster' }
    | { __typename: 'Deployment', currentReplicas: Array<{ id: string, name: string, restarts: number }> | null }
    | { __typename: 'Event' }
    | { __typename: 'Experiment' }
    | { __typename: 'Gpu' }
    | { __typename: 'GpuNode' }
    | { __typename: 'Model' }
    | { __typename: 'ModelVersion' }
    | { __typename: 'Operation' }
    | { __typename: 'Person' }
    | { __typename: 'Replica' }
    | { __typename: 'Revision' }
    | { __typename: 'Rollout' }
    | { __typename: 'Run' }
    | { __typename: 'ServingRuntime' }
    | { __typename: 'SystemActor' }
    | { __typename: 'Team' }
   | null };

export type ReplicaLogsSubscriptionVariables = Exact<{
  replica: string;
  tailLines?: number | null | undefined;
}>;


export type ReplicaLogsSubscription = { replicaLogs: { at: string, line: string, replica: { id: string, name: string } } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const SizesFragmentDoc = new TypedDocumentString(`
    fragment Sizes on NodeResources {
  cpu
  memoryBytes
  pods
  gpus
}
    `, {"fragmentName":"Sizes"}) as unknown as TypedDocumentString<SizesFragment, unknown>;
export const EventLineFragmentDoc = new TypedDocumentString(`
    fragment EventLine on Event {
  id
  cursor
  type
  at
  message
  data
  actor {
    name
  }
  team {
    name
  }
}
    `, {"fragmentName":"EventLine"}) as unknown as TypedDocumentString<EventLineFragment, unknown>;
export const ModelLineFragmentDoc = new TypedDocumentString(`
    fragment ModelLine on Model {
  id
  name
  description
  createdAt
  tags
  team {
    name
  }
  aliases {
    name
    version {
      number
    }
  }
  latestVersion {
    number
    format
    createdAt
  }
}
    `, {"fragmentName":"ModelLine"}) as unknown as TypedDocumentString<ModelLineFragment, unknown>;
export const VersionLineFragmentDoc = new TypedDocumentString(`
    fragment VersionLine on ModelVersion {
  id
  number
  format
  description
  createdAt
  createdBy {
    name
  }
  aliases {
    name
  }
  artifact {
    digest
    sizeBytes
    uri
  }
}
    `, {"fragmentName":"VersionLine"}) as unknown as TypedDocumentString<VersionLineFragment, unknown>;
export const VersionWholeFragmentDoc = new TypedDocumentString(`
    fragment VersionWhole on ModelVersion {
  ...VersionLine
  parameters
  metrics
  tags
  source {
    repository
    commit
    path
  }
  signature {
    inputs {
      name
      datatype
      shape
    }
    outputs {
      name
      datatype
      shape
    }
  }
  model {
    name
    team {
      name
    }
  }
}
    fragment VersionLine on ModelVersion {
  id
  number
  format
  description
  createdAt
  createdBy {
    name
  }
  aliases {
    name
  }
  artifact {
    digest
    sizeBytes
    uri
  }
}`, {"fragmentName":"VersionWhole"}) as unknown as TypedDocumentString<VersionWholeFragment, unknown>;
export const ServesFragmentDoc = new TypedDocumentString(`
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
    `, {"fragmentName":"Serves"}) as unknown as TypedDocumentString<ServesFragment, unknown>;
export const TargetFragmentDoc = new TypedDocumentString(`
    fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}`, {"fragmentName":"Target"}) as unknown as TypedDocumentString<TargetFragment, unknown>;
export const DeploymentLineFragmentDoc = new TypedDocumentString(`
    fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}`, {"fragmentName":"DeploymentLine"}) as unknown as TypedDocumentString<DeploymentLineFragment, unknown>;
export const CountedTargetFragmentDoc = new TypedDocumentString(`
    fragment CountedTarget on TrafficTarget {
  ...Target
  observedShare
  observedRequests
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}`, {"fragmentName":"CountedTarget"}) as unknown as TypedDocumentString<CountedTargetFragment, unknown>;
export const RolloutStateFragmentDoc = new TypedDocumentString(`
    fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}`, {"fragmentName":"RolloutState"}) as unknown as TypedDocumentString<RolloutStateFragment, unknown>;
export const DeploymentPictureFragmentDoc = new TypedDocumentString(`
    fragment DeploymentPicture on Deployment {
  ...DeploymentLine
  paused
  strategy {
    canary {
      progressDeadlineSeconds
    }
    rolling {
      maxSurge
      maxUnavailable
    }
  }
  stable {
    ...CountedTarget
  }
  canary {
    ...CountedTarget
  }
  traffic {
    ...CountedTarget
  }
  rollout {
    ...RolloutState
  }
  currentReplicas {
    id
    name
    phase
    ready
    restarts
    message
    createdAt
    role
    revision {
      id
      number
      createdAt
    }
  }
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment CountedTarget on TrafficTarget {
  ...Target
  observedShare
  observedRequests
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}`, {"fragmentName":"DeploymentPicture"}) as unknown as TypedDocumentString<DeploymentPictureFragment, unknown>;
export const RefusalFragmentDoc = new TypedDocumentString(`
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
    `, {"fragmentName":"Refusal"}) as unknown as TypedDocumentString<RefusalFragment, unknown>;
export const RolloutAnswerFragmentDoc = new TypedDocumentString(`
    fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}`, {"fragmentName":"RolloutAnswer"}) as unknown as TypedDocumentString<RolloutAnswerFragment, unknown>;
export const GpuNodesDocument = new TypedDocumentString(`
    query GpuNodes($where: GpuNodeWhere, $first: Int!, $after: Cursor) {
  gpuNodes(where: $where, first: $first, after: $after) {
    nodes {
      id
      name
      ready
      schedulable
      product
      memoryMib
      capacity {
        ...Sizes
      }
      allocatable {
        ...Sizes
      }
      allocated {
        ...Sizes
      }
      gpus {
        index
        product
        memoryMib
        healthy
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment Sizes on NodeResources {
  cpu
  memoryBytes
  pods
  gpus
}`) as unknown as TypedDocumentString<GpuNodesQuery, GpuNodesQueryVariables>;
export const EventsDocument = new TypedDocumentString(`
    query Events($where: EventWhere, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
  events(
    where: $where
    first: $first
    after: $after
    last: $last
    before: $before
  ) {
    nodes {
      ...EventLine
    }
    pageInfo {
      hasNextPage
      hasPreviousPage
      startCursor
      endCursor
    }
  }
}
    fragment EventLine on Event {
  id
  cursor
  type
  at
  message
  data
  actor {
    name
  }
  team {
    name
  }
}`) as unknown as TypedDocumentString<EventsQuery, EventsQueryVariables>;
export const FollowEventsDocument = new TypedDocumentString(`
    subscription FollowEvents($where: EventWhere, $after: Cursor) {
  events(where: $where, after: $after) {
    kind
    cursor
    event {
      ...EventLine
    }
  }
}
    fragment EventLine on Event {
  id
  cursor
  type
  at
  message
  data
  actor {
    name
  }
  team {
    name
  }
}`) as unknown as TypedDocumentString<FollowEventsSubscription, FollowEventsSubscriptionVariables>;
export const OperationStateDocument = new TypedDocumentString(`
    query OperationState($id: ID!) {
  operation(id: $id) {
    id
    state
    error
  }
}
    `) as unknown as TypedDocumentString<OperationStateQuery, OperationStateQueryVariables>;
export const ServerInfoDocument = new TypedDocumentString(`
    query ServerInfo {
  serverInfo {
    version
    schemaVersion
    features
    artifactsUrl
    limits {
      maxArtifactBytes
    }
  }
}
    `) as unknown as TypedDocumentString<ServerInfoQuery, ServerInfoQueryVariables>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    actor {
      __typename
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const TeamsDocument = new TypedDocumentString(`
    query Teams($first: Int = 50, $after: Cursor) {
  teams(first: $first, after: $after) {
    nodes {
      id
      name
      displayName
      namespace
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<TeamsQuery, TeamsQueryVariables>;
export const CreateTeamDocument = new TypedDocumentString(`
    mutation CreateTeam($input: CreateTeamInput!) {
  createTeam(input: $input) {
    team {
      id
      name
      displayName
      namespace
    }
    errors {
      ...Refusal
    }
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}`) as unknown as TypedDocumentString<CreateTeamMutation, CreateTeamMutationVariables>;
export const NamedDocument = new TypedDocumentString(`
    query Named($id: ID!) {
  node(id: $id) {
    __typename
    id
    ... on Deployment {
      name
      team {
        name
      }
    }
    ... on Model {
      name
      team {
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<NamedQuery, NamedQueryVariables>;
export const ModelsDocument = new TypedDocumentString(`
    query Models($where: ModelWhere, $first: Int!, $after: Cursor) {
  models(
    where: $where
    first: $first
    after: $after
    orderBy: {field: NAME, direction: ASC}
  ) {
    nodes {
      ...ModelLine
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment ModelLine on Model {
  id
  name
  description
  createdAt
  tags
  team {
    name
  }
  aliases {
    name
    version {
      number
    }
  }
  latestVersion {
    number
    format
    createdAt
  }
}`) as unknown as TypedDocumentString<ModelsQuery, ModelsQueryVariables>;
export const ModelNamesDocument = new TypedDocumentString(`
    query ModelNames($where: ModelWhere) {
  models(where: $where, first: 100, orderBy: {field: NAME, direction: ASC}) {
    nodes {
      id
      name
      team {
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ModelNamesQuery, ModelNamesQueryVariables>;
export const ModelDocument = new TypedDocumentString(`
    query Model($id: ID!, $first: Int!, $after: Cursor) {
  node(id: $id) {
    __typename
    ... on Model {
      ...ModelLine
      versions(first: $first, after: $after) {
        nodes {
          ...VersionLine
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
}
    fragment ModelLine on Model {
  id
  name
  description
  createdAt
  tags
  team {
    name
  }
  aliases {
    name
    version {
      number
    }
  }
  latestVersion {
    number
    format
    createdAt
  }
}
fragment VersionLine on ModelVersion {
  id
  number
  format
  description
  createdAt
  createdBy {
    name
  }
  aliases {
    name
  }
  artifact {
    digest
    sizeBytes
    uri
  }
}`) as unknown as TypedDocumentString<ModelQuery, ModelQueryVariables>;
export const ModelVersionDocument = new TypedDocumentString(`
    query ModelVersion($model: ID!, $number: Int, $alias: String) {
  node(id: $model) {
    __typename
    ... on Model {
      id
      version(number: $number, alias: $alias) {
        ...VersionWhole
      }
      latestVersion {
        number
      }
      aliases {
        name
      }
    }
  }
}
    fragment VersionLine on ModelVersion {
  id
  number
  format
  description
  createdAt
  createdBy {
    name
  }
  aliases {
    name
  }
  artifact {
    digest
    sizeBytes
    uri
  }
}
fragment VersionWhole on ModelVersion {
  ...VersionLine
  parameters
  metrics
  tags
  source {
    repository
    commit
    path
  }
  signature {
    inputs {
      name
      datatype
      shape
    }
    outputs {
      name
      datatype
      shape
    }
  }
  model {
    name
    team {
      name
    }
  }
}`) as unknown as TypedDocumentString<ModelVersionQuery, ModelVersionQueryVariables>;
export const CreateModelDocument = new TypedDocumentString(`
    mutation CreateModel($input: CreateModelInput!) {
  createModel(input: $input) {
    model {
      id
      name
      team {
        name
      }
    }
    errors {
      ...Refusal
    }
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}`) as unknown as TypedDocumentString<CreateModelMutation, CreateModelMutationVariables>;
export const DeleteModelDocument = new TypedDocumentString(`
    mutation DeleteModel($input: DeleteModelInput!) {
  deleteModel(input: $input) {
    deletedId
    errors {
      ...Refusal
    }
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}`) as unknown as TypedDocumentString<DeleteModelMutation, DeleteModelMutationVariables>;
export const CreateModelVersionDocument = new TypedDocumentString(`
    mutation CreateModelVersion($input: CreateModelVersionInput!) {
  createModelVersion(input: $input) {
    version {
      ...VersionWhole
    }
    errors {
      ...Refusal
    }
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment VersionLine on ModelVersion {
  id
  number
  format
  description
  createdAt
  createdBy {
    name
  }
  aliases {
    name
  }
  artifact {
    digest
    sizeBytes
    uri
  }
}
fragment VersionWhole on ModelVersion {
  ...VersionLine
  parameters
  metrics
  tags
  source {
    repository
    commit
    path
  }
  signature {
    inputs {
      name
      datatype
      shape
    }
    outputs {
      name
      datatype
      shape
    }
  }
  model {
    name
    team {
      name
    }
  }
}`) as unknown as TypedDocumentString<CreateModelVersionMutation, CreateModelVersionMutationVariables>;
export const SetAliasDocument = new TypedDocumentString(`
    mutation SetAlias($input: SetAliasInput!) {
  setAlias(input: $input) {
    version {
      id
      number
    }
    errors {
      ...Refusal
    }
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}`) as unknown as TypedDocumentString<SetAliasMutation, SetAliasMutationVariables>;
export const DeploymentsDocument = new TypedDocumentString(`
    query Deployments($where: DeploymentWhere, $first: Int!, $after: Cursor) {
  deployments(
    where: $where
    first: $first
    after: $after
    orderBy: {field: NAME, direction: ASC}
  ) {
    nodes {
      ...DeploymentLine
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}`) as unknown as TypedDocumentString<DeploymentsQuery, DeploymentsQueryVariables>;
export const DeploymentNamesDocument = new TypedDocumentString(`
    query DeploymentNames($where: DeploymentWhere) {
  deployments(where: $where, first: 100, orderBy: {field: NAME, direction: ASC}) {
    nodes {
      id
      name
      team {
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<DeploymentNamesQuery, DeploymentNamesQueryVariables>;
export const DeploymentDocument = new TypedDocumentString(`
    query Deployment($id: ID!) {
  node(id: $id) {
    __typename
    ... on Deployment {
      ...DeploymentPicture
      resources {
        cpu
        memory
        gpus
        gpuProduct
        gpuMemoryMib
        migProfile
      }
    }
  }
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment CountedTarget on TrafficTarget {
  ...Target
  observedShare
  observedRequests
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment DeploymentPicture on Deployment {
  ...DeploymentLine
  paused
  strategy {
    canary {
      progressDeadlineSeconds
    }
    rolling {
      maxSurge
      maxUnavailable
    }
  }
  stable {
    ...CountedTarget
  }
  canary {
    ...CountedTarget
  }
  traffic {
    ...CountedTarget
  }
  rollout {
    ...RolloutState
  }
  currentReplicas {
    id
    name
    phase
    ready
    restarts
    message
    createdAt
    role
    revision {
      id
      number
      createdAt
    }
  }
}`) as unknown as TypedDocumentString<DeploymentQuery, DeploymentQueryVariables>;
export const DeploymentSignatureDocument = new TypedDocumentString(`
    query DeploymentSignature($id: ID!) {
  node(id: $id) {
    __typename
    ... on Deployment {
      id
      name
      ready
      phase
      endpoint {
        url
        protocol
      }
      model {
        name
      }
      stable {
        version {
          number
          signature {
            inputs {
              name
              datatype
              shape
            }
          }
        }
      }
      version {
        number
        signature {
          inputs {
            name
            datatype
            shape
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<DeploymentSignatureQuery, DeploymentSignatureQueryVariables>;
export const RolloutOwnerDocument = new TypedDocumentString(`
    query RolloutOwner($id: ID!) {
  node(id: $id) {
    __typename
    ... on Rollout {
      id
      deployment {
        id
        name
        team {
          name
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<RolloutOwnerQuery, RolloutOwnerQueryVariables>;
export const RolloutStoryDocument = new TypedDocumentString(`
    query RolloutStory($id: ID!, $first: Int!) {
  node(id: $id) {
    __typename
    ... on Rollout {
      ...RolloutState
      deployment {
        id
        name
        team {
          name
        }
      }
      events(first: $first) {
        nodes {
          ...EventLine
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  }
}
    fragment EventLine on Event {
  id
  cursor
  type
  at
  message
  data
  actor {
    name
  }
  team {
    name
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}`) as unknown as TypedDocumentString<RolloutStoryQuery, RolloutStoryQueryVariables>;
export const RevisionsDocument = new TypedDocumentString(`
    query Revisions($deployment: ID!) {
  node(id: $deployment) {
    __typename
    ... on Deployment {
      revisions(first: 100) {
        nodes {
          number
          hash
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<RevisionsQuery, RevisionsQueryVariables>;
export const RolloutsDocument = new TypedDocumentString(`
    query Rollouts($where: RolloutWhere, $first: Int!, $after: Cursor) {
  rollouts(where: $where, first: $first, after: $after) {
    nodes {
      ...RolloutState
      deployment {
        id
        name
        team {
          name
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}`) as unknown as TypedDocumentString<RolloutsQuery, RolloutsQueryVariables>;
export const DeployModelDocument = new TypedDocumentString(`
    mutation DeployModel($input: DeployModelInput!) {
  deployModel(input: $input) {
    ...RolloutAnswer
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}`) as unknown as TypedDocumentString<DeployModelMutation, DeployModelMutationVariables>;
export const PromoteRolloutDocument = new TypedDocumentString(`
    mutation PromoteRollout($input: PromoteRolloutInput!) {
  promoteRollout(input: $input) {
    ...RolloutAnswer
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}`) as unknown as TypedDocumentString<PromoteRolloutMutation, PromoteRolloutMutationVariables>;
export const PauseRolloutDocument = new TypedDocumentString(`
    mutation PauseRollout($input: RolloutInput!) {
  pauseRollout(input: $input) {
    ...RolloutAnswer
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}`) as unknown as TypedDocumentString<PauseRolloutMutation, PauseRolloutMutationVariables>;
export const ResumeRolloutDocument = new TypedDocumentString(`
    mutation ResumeRollout($input: RolloutInput!) {
  resumeRollout(input: $input) {
    ...RolloutAnswer
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}`) as unknown as TypedDocumentString<ResumeRolloutMutation, ResumeRolloutMutationVariables>;
export const AbortRolloutDocument = new TypedDocumentString(`
    mutation AbortRollout($input: RolloutInput!) {
  abortRollout(input: $input) {
    ...RolloutAnswer
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}`) as unknown as TypedDocumentString<AbortRolloutMutation, AbortRolloutMutationVariables>;
export const RetryRolloutDocument = new TypedDocumentString(`
    mutation RetryRollout($input: RolloutInput!) {
  retryRollout(input: $input) {
    ...RolloutAnswer
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}`) as unknown as TypedDocumentString<RetryRolloutMutation, RetryRolloutMutationVariables>;
export const RollbackDeploymentDocument = new TypedDocumentString(`
    mutation RollbackDeployment($input: RollbackDeploymentInput!) {
  rollbackDeployment(input: $input) {
    ...RolloutAnswer
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment RolloutAnswer on RolloutPayload {
  deployment {
    ...DeploymentLine
  }
  rollout {
    ...RolloutState
  }
  operation {
    id
    state
  }
  errors {
    ...Refusal
  }
}`) as unknown as TypedDocumentString<RollbackDeploymentMutation, RollbackDeploymentMutationVariables>;
export const DeleteDeploymentDocument = new TypedDocumentString(`
    mutation DeleteDeployment($input: DeleteDeploymentInput!) {
  deleteDeployment(input: $input) {
    deletedId
    operation {
      id
      state
    }
    errors {
      ...Refusal
    }
  }
}
    fragment Refusal on UserError {
  __typename
  code
  message
  path
  ... on NotAllowedNowError {
    phase
    allowed
  }
}`) as unknown as TypedDocumentString<DeleteDeploymentMutation, DeleteDeploymentMutationVariables>;
export const DeploymentChangedDocument = new TypedDocumentString(`
    subscription DeploymentChanged($deployment: ID!, $after: Cursor) {
  deploymentChanged(deployment: $deployment, after: $after) {
    kind
    cursor
    event {
      ...EventLine
    }
    deployment {
      ...DeploymentPicture
    }
  }
}
    fragment EventLine on Event {
  id
  cursor
  type
  at
  message
  data
  actor {
    name
  }
  team {
    name
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment CountedTarget on TrafficTarget {
  ...Target
  observedShare
  observedRequests
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment DeploymentPicture on Deployment {
  ...DeploymentLine
  paused
  strategy {
    canary {
      progressDeadlineSeconds
    }
    rolling {
      maxSurge
      maxUnavailable
    }
  }
  stable {
    ...CountedTarget
  }
  canary {
    ...CountedTarget
  }
  traffic {
    ...CountedTarget
  }
  rollout {
    ...RolloutState
  }
  currentReplicas {
    id
    name
    phase
    ready
    restarts
    message
    createdAt
    role
    revision {
      id
      number
      createdAt
    }
  }
}`) as unknown as TypedDocumentString<DeploymentChangedSubscription, DeploymentChangedSubscriptionVariables>;
export const RolloutProgressDocument = new TypedDocumentString(`
    subscription RolloutProgress($rollout: ID!, $after: Cursor) {
  rolloutProgress(rollout: $rollout, after: $after) {
    kind
    cursor
    event {
      ...EventLine
    }
    rollout {
      ...RolloutState
      deployment {
        ...DeploymentPicture
      }
    }
  }
}
    fragment EventLine on Event {
  id
  cursor
  type
  at
  message
  data
  actor {
    name
  }
  team {
    name
  }
}
fragment Serves on ModelVersion {
  id
  number
  model {
    name
  }
}
fragment Target on TrafficTarget {
  role
  weight
  replicas
  readyReplicas
  revision {
    id
    number
    hash
    createdAt
  }
  version {
    ...Serves
  }
}
fragment CountedTarget on TrafficTarget {
  ...Target
  observedShare
  observedRequests
}
fragment RolloutState on Rollout {
  id
  number
  phase
  outcome
  message
  reason
  startedAt
  startedBy {
    name
  }
  finishedAt
  stepIndex
  weight
  pausedSeconds
  allowed
  abort {
    at
    reason
  }
  from {
    id
    number
    version {
      ...Serves
    }
  }
  to {
    id
    number
    version {
      ...Serves
    }
  }
  steps {
    index
    state
    startedAt
    finishedAt
    spec {
      setWeight
      pause {
        seconds
      }
    }
  }
}
fragment DeploymentLine on Deployment {
  id
  name
  phase
  ready
  replicas
  generation
  createdAt
  team {
    name
  }
  model {
    name
  }
  version {
    id
    number
  }
  endpoint {
    url
    protocol
  }
  conditions {
    type
    status
    reason
    message
  }
  stable {
    ...Target
  }
  canary {
    ...Target
  }
  rollout {
    id
    phase
    outcome
    message
    allowed
  }
}
fragment DeploymentPicture on Deployment {
  ...DeploymentLine
  paused
  strategy {
    canary {
      progressDeadlineSeconds
    }
    rolling {
      maxSurge
      maxUnavailable
    }
  }
  stable {
    ...CountedTarget
  }
  canary {
    ...CountedTarget
  }
  traffic {
    ...CountedTarget
  }
  rollout {
    ...RolloutState
  }
  currentReplicas {
    id
    name
    phase
    ready
    restarts
    message
    createdAt
    role
    revision {
      id
      number
      createdAt
    }
  }
}`) as unknown as TypedDocumentString<RolloutProgressSubscription, RolloutProgressSubscriptionVariables>;
export const LiveMetricsDocument = new TypedDocumentString(`
    subscription LiveMetrics($deployment: ID!, $intervalSeconds: Int, $windowSeconds: Int) {
  liveMetrics(
    deployment: $deployment
    intervalSeconds: $intervalSeconds
    windowSeconds: $windowSeconds
  ) {
    at
    windowSeconds
    stale
    targets {
      target {
        role
        weight
        observedShare
        observedRequests
        version {
          id
        }
      }
      values {
        requestRate
        errorRatio
        latencyP50Ms
        latencyP95Ms
        latencyP99Ms
        samples
      }
    }
  }
}
    `) as unknown as TypedDocumentString<LiveMetricsSubscription, LiveMetricsSubscriptionVariables>;
export const DeploymentReplicasDocument = new TypedDocumentString(`
    query DeploymentReplicas($id: ID!) {
  node(id: $id) {
    __typename
    ... on Deployment {
      currentReplicas {
        id
        name
        restarts
      }
    }
  }
}
    `) as unknown as TypedDocumentString<DeploymentReplicasQuery, DeploymentReplicasQueryVariables>;
export const ReplicaLogsDocument = new TypedDocumentString(`
    subscription ReplicaLogs($replica: ID!, $tailLines: Int) {
  replicaLogs(replica: $replica, tailLines: $tailLines) {
    at
    line
    replica {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<ReplicaLogsSubscription, ReplicaLogsSubscriptionVariables>;