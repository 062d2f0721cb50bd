/** The ServingRuntime custom resource: how a model format becomes a container. */
import type { KubeObject } from '../platform/cluster/port.ts';
import type { PlacementSpec } from './modeldeployment.ts';

export interface Probe {
  httpGet?: { path: string; port: string | number };
  tcpSocket?: { port: string | number };
  exec?: { command: string[] };
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { fieldRef?: { fieldPath: string }; secretKeyRef?: { name: string; key: string; optional?: boolean } };
}

/** What a process of a container may do: Kubernetes' own field, as far as Pod Security reads it. */
export interface SecurityContext {
  allowPrivilegeEscalation?: boolean;
  readOnlyRootFilesystem?: boolean;
  runAsNonRoot?: boolean;
  runAsUser?: number;
  runAsGroup?: number;
  capabilities?: { add?: string[]; drop?: string[] };
}

/** The same for all containers of a pod. */
export interface PodSecurityContext {
  runAsNonRoot?: boolean;
  runAsUser?: number;
  runAsGroup?: number;
  fsGroup?: number;
  supplementalGroups?: number[];
  seccompProfile?: { type: string; localhostProfile?: string };
}

type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

export interface ServingRuntime extends KubeObject {
  spec: {
    formats: string[];
    protocols: string[];
    capabilities?: string[];
    metricAdapter?: string;
    /** Strings may hold placeholders: `{{model.name}}`, `{{model.version}}`, `{{model.format}}`, `{{artifact.path}}`,
     * `{{artifact.digest}}`, `{{port.<name>}}`, `{{deployment.name}}`, `{{deployment.namespace}}`. */
    container: {
      name: string;
      image: string;
      imagePullPolicy?: PullPolicy;
      command?: string[];
      args?: string[];
      ports: { name: string; containerPort: number }[];
      env?: EnvVar[];
      startupProbe?: Probe;
      readinessProbe?: Probe;
      livenessProbe?: Probe;
      terminationGracePeriodSeconds?: number;
      securityContext?: SecurityContext;
    };
    /** The init step that gets the bytes, verifies the digest and puts them at `{{artifact.path}}`. */
    fetch: {
      image: string;
      imagePullPolicy?: PullPolicy;
      command?: string[];
      args?: string[];
      securityContext?: SecurityContext;
    };
    podSecurityContext?: PodSecurityContext;
    /** Secrets of the team's namespace with which the kubelet pulls the images. */
    imagePullSecrets?: { name: string }[];
    /** Where its pods may run: under what a deployment says itself, whose labels win and whose tolerations are added. */
    placement?: Pick<PlacementSpec, 'nodeSelector' | 'tolerations'>;
    defaultResources?: { requests?: { cpu?: string; memory?: string } };
  };
}
