/** The built-in kinds as the controller reads and writes them: plain JSON, only the fields it uses. */
import type { ModelRef, PlacementSpec, ResourcesSpec } from '../contract/modeldeployment.ts';
import type { ServingRuntime } from '../contract/servingruntime.ts';
import type { KubeObject } from '../platform/cluster/port.ts';

export interface ContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: ContainerState;
  lastState?: ContainerState;
}

interface ContainerState {
  running?: object;
  waiting?: { reason?: string; message?: string };
  terminated?: { reason?: string; message?: string; exitCode: number };
}

export interface Pod extends KubeObject {
  spec: { nodeName?: string; containers: { name: string; ports?: { name?: string; containerPort: number }[] }[] };
  status?: {
    phase?: string;
    podIP?: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface Deployment extends KubeObject {
  spec: { replicas?: number };
  status?: { replicas?: number; conditions?: { type: string; status: string; reason?: string; message?: string }[] };
}

export interface Service extends KubeObject {
  spec: { selector?: Record<string, string> };
}

export interface EndpointSlice extends KubeObject {
  endpoints?: { conditions?: { ready?: boolean }; targetRef?: { kind?: string; name?: string } }[] | null;
}

export interface ControllerRevision extends KubeObject {
  data?: Snapshot;
  revision: number;
}

export interface HttpRoute extends KubeObject {
  spec: {
    parentRefs?: { name: string; namespace?: string; sectionName?: string }[];
    rules?: { name?: string; backendRefs?: { name: string; weight?: number }[] }[];
  };
  status?: {
    parents?: {
      parentRef: { name: string; namespace?: string; sectionName?: string };
      controllerName: string;
      conditions?: { type: string; status: string; reason?: string; message?: string; observedGeneration?: number }[];
    }[];
  };
}

export interface Gateway extends KubeObject {
  spec: { gatewayClassName: string; listeners: { name: string; port: number; protocol: string; hostname?: string }[] };
  status?: { addresses?: { type?: string; value: string }[] };
}

export interface GatewayClass extends KubeObject {
  spec: { controllerName: string };
  status?: { conditions?: { type: string; status: string }[] };
}

/** What a revision is, whole: enough to run it again when the ServingRuntime has changed or is gone. */
export interface Snapshot {
  model: ModelRef;
  runtimeName: string;
  runtime: Pick<
    ServingRuntime['spec'],
    'container' | 'capabilities' | 'defaultResources' | 'podSecurityContext' | 'imagePullSecrets' | 'placement'
  > & { fetch: ServingRuntime['spec']['fetch'] & { resources?: { requests: Record<string, string> } } };
  resources?: ResourcesSpec;
  placement?: PlacementSpec;
}
