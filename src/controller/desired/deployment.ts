/** The Deployment of one revision: a step that fetches and verifies the artifact, then the runtime's server. */

import type { ModelDeployment } from '../../contract/modeldeployment.ts';
import { ANNOTATIONS } from '../../contract/names.ts';
import { strategyOf } from '../../contract/strategy.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { Snapshot } from '../kinds.ts';
import { childOf, labelsOf, revisionName, selectorOf } from './child.ts';
import { fill, type Values, valuesOf } from './placeholders.ts';

const MODELS_DIR = '/models';
const MODELS_MOUNT = { name: 'models', mountPath: MODELS_DIR };
/** Where the fetch step finds the Secret with the artifact's URL: signed, so it is in no pod's arguments. */
const SECRET_DIR = '/var/run/clops/artifact';
/** A program that leaves no termination message has written its last words to its log: they are what people are shown. */
const LAST_WORDS = 'FallbackToLogsOnError';

export interface DeploymentInput {
  owner: ModelDeployment;
  hash: string;
  snapshot: Snapshot;
  replicas: number;
  restartedAt?: string;
}

export function desiredDeployment({ owner, hash, snapshot, replicas, restartedAt }: DeploymentInput): KubeObject {
  const { name } = owner.metadata;
  const { surge, unavailable, progressDeadlineSeconds } = strategyOf(owner.spec);
  const of = { hash, version: snapshot.model.version };
  const annotations = restartedAt === undefined ? {} : { annotations: { [ANNOTATIONS.restartedAt]: restartedAt } };
  return {
    ...childOf(owner, 'apps/v1', 'Deployment', revisionName(name, hash), of),
    spec: {
      replicas,
      revisionHistoryLimit: 1,
      progressDeadlineSeconds,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
      selector: { matchLabels: selectorOf(name, hash) },
      template: { metadata: { labels: labelsOf(name, of), ...annotations }, spec: podSpec(owner, snapshot) },
    },
  };
}

function podSpec(owner: ModelDeployment, snapshot: Snapshot): Record<string, unknown> {
  const { runtime, placement = {}, resources } = snapshot;
  const values = valuesOf(owner, snapshot, artifactPath(snapshot));
  const { terminationGracePeriodSeconds, ...container } = runtime.container;
  const product = resources?.gpus?.product;
  const nodeSelector = {
    ...runtime.placement?.nodeSelector,
    ...placement.nodeSelector,
    ...(product && { 'nvidia.com/gpu.product': product }),
  };
  const tolerations = [...(runtime.placement?.tolerations ?? []), ...(placement.tolerations ?? [])];
  const { secretName } = snapshot.model.artifact;
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(runtime.podSecurityContext && { securityContext: runtime.podSecurityContext }),
    ...(runtime.imagePullSecrets?.length && { imagePullSecrets: runtime.imagePullSecrets }),
    ...(terminationGracePeriodSeconds !== undefined && { terminationGracePeriodSeconds }),
    ...(Object.keys(nodeSelector).length > 0 && { nodeSelector }),
    ...affinityFor(resources?.gpus?.memoryMib),
    ...(tolerations.length > 0 && { tolerations }),
    ...(placement.priorityClassName && { priorityClassName: placement.priorityClassName }),
    initContainers: [fetchStep(snapshot, values)],
    containers: [
      {
        ...(fill(container, values) as object),
        terminationMessagePolicy: LAST_WORDS,
        resources: resourcesOf(snapshot),
        volumeMounts: [{ ...MODELS_MOUNT, readOnly: true }],
      },
    ],
    volumes: [
      { name: 'models', emptyDir: {} },
      ...(secretName ? [{ name: 'artifact-url', secret: { secretName } }] : []),
    ],
  };
}

/** A node's GPUs are all alike, and GPU feature discovery says in a label how much memory each has. */
function affinityFor(memoryMib: number | undefined): { affinity?: object } {
  if (memoryMib === undefined) return {};
  const enough = { key: 'nvidia.com/gpu.memory', operator: 'Gt', values: [String(memoryMib - 1)] };
  const required = { nodeSelectorTerms: [{ matchExpressions: [enough] }] };
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } };
}

const artifactPath = ({ model }: Snapshot): string =>
  `${MODELS_DIR}/model.${model.format.toLowerCase().replace(/[^a-z0-9]/g, '')}`;

function fetchStep({ runtime, model }: Snapshot, values: Values): Record<string, unknown> {
  const { image, command, args = [], imagePullPolicy, securityContext, resources } = runtime.fetch;
  const { uri, digest, secretName } = model.artifact;
  const url = secretName ? `--url-file=${SECRET_DIR}/url` : `--url=${uri}`;
  const secret = secretName ? [{ name: 'artifact-url', mountPath: SECRET_DIR, readOnly: true }] : [];
  return {
    name: 'fetch',
    image,
    ...(imagePullPolicy && { imagePullPolicy }),
    ...(securityContext && { securityContext }),
    ...(command && { command: fill(command, values) }),
    args: [...(fill(args, values) as string[]), url, `--digest=${digest}`, `--path=${values['artifact.path']}`],
    terminationMessagePolicy: LAST_WORDS,
    ...(resources && { resources }),
    volumeMounts: [MODELS_MOUNT, ...secret],
  };
}

/** Extended resources are limits, and Kubernetes wants requests to be the same. */
function resourcesOf({ resources, runtime }: Snapshot): Record<string, unknown> {
  const { count = 0, migProfile } = resources?.gpus ?? {};
  const gpus: Record<string, string> =
    count === 0 ? {} : { [migProfile ? `nvidia.com/mig-${migProfile}` : 'nvidia.com/gpu']: String(count) };
  const requests = { ...runtime.defaultResources?.requests, ...resources?.requests, ...gpus };
  return {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(count > 0 && { limits: gpus }),
  };
}
