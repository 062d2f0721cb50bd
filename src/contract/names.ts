/** Names that API and controller agree on: labels, annotations, conditions, limits, and what a name may be. */

const GROUP = 'serving.clops.dev';
const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Namespace of the platform itself: its Gateway, its leases. */
export const SYSTEM_NAMESPACE = 'clops-system';
export const GATEWAY_NAME = 'clops';
export const GATEWAY_CLASS = 'clops';
/** controllerName of the gateway that comes with the local cluster. */
export const GATEWAY_CONTROLLER = 'clops.dev/gateway';
/** On a Gateway: where its data plane can be asked for counts (Prometheus text). Set by our own gateway, by people elsewhere. */
export const GATEWAY_METRICS_ANNOTATION = 'clops.dev/metrics-url';

/** Name of the rule that the controller writes into its HTTPRoutes, with the weights. */
export const ROUTE_RULE = 'clops';

export const CONTROLLER_MANAGER = 'clops-controller';
export const RELAY_MANAGER = 'clops-relay';
/** In the platform's namespace: whose controller leads. */
export const CONTROLLER_LEASE = 'clops-controller';

export const LABELS = {
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
  deployment: 'clops.dev/deployment',
  revision: 'clops.dev/revision',
  version: 'clops.dev/version',
  simulated: 'clops.dev/simulated',
  /** On a Node of somebody's cluster: it is one of ours, whose pods are processes. The key of its taint as well. */
  local: 'clops.dev/local',
} as const;

export const ANNOTATIONS = {
  id: 'clops.dev/id',
  generation: 'clops.dev/generation',
  operation: 'clops.dev/operation',
  rollout: 'clops.dev/rollout',
  /** How many rollouts there were before this resource: its own go on from there. */
  rolloutsBefore: 'clops.dev/rollouts-before',
  team: 'clops.dev/team',
  /** On a pod: which devices it holds, `nvidia.com/gpu=0,1`. Stated by simulated nodes only. */
  devices: 'clops.dev/devices',
  /** On a pod whose node had no address of its own for it: the ports it really listens on, `{"http": 43121}`. */
  ports: 'clops.dev/ports',
  /** On a Node of ours in somebody's cluster: host and data folder of the CLOps that runs it. */
  agent: 'clops.dev/agent',
  /** On a pod template: when its pods were last asked to be replaced. */
  restartedAt: 'clops.dev/restarted-at',
  /** On a ControllerRevision: the number it was first given. Its own number rises each time it is returned to. */
  firstRevision: 'clops.dev/first-revision',
  /** On a ControllerRevision: where its artifact is by now, `{"uri": …}` or `{"secretName": …}`. */
  artifact: 'clops.dev/artifact',
} as const;

export const CONDITIONS = {
  ready: 'Ready',
  progressing: 'Progressing',
  available: 'Available',
  artifactVerified: 'ArtifactVerified',
  routeProgrammed: 'RouteProgrammed',
  trafficVerified: 'TrafficVerified',
  paused: 'Paused',
  adopted: 'Adopted',
} as const;

export const LIMITS = {
  /** So that `<name>-<hash>` and label values fit in 63 characters. */
  nameLength: 52,
  maxReplicas: 1000,
  maxSteps: 50,
  maxPauseSeconds: 30 * 24 * 3600,
} as const;

/** DNS-1035, as Kubernetes wants Service names. The rule and its words are the same in GraphQL and in the CRD's CEL. */
const NAME_PATTERN = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
export const NAME_RULE =
  'must be at most 52 characters: lower-case letters, digits and "-", beginning with a letter and ending with a letter or digit';

export const isName = (name: string): boolean => name.length <= LIMITS.nameLength && NAME_PATTERN.test(name);

export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;
