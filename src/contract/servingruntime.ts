/** The ServingRuntime custom resource: how a model format becomes a container. */
import type { KubeObject } from '../platform/cluster/port.ts';

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
      command?: string[];
      args?: string[];
      ports: { name: string; containerPort: number }[];
      env?: EnvVar[];
      startupProbe?: Probe;
      readinessProbe?: Probe;
      livenessProbe?: Probe;
      terminationGracePeriodSeconds?: number;
    };
    /** The init step that gets the bytes, verifies the digest and puts them at `{{artifact.path}}`. */
    fetch: { image: string; command?: string[]; args?: string[] };
    defaultResources?: { requests?: { cpu?: string; memory?: string } };
  };
}
