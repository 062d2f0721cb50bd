/** The parts of Gateway API, Service and EndpointSlice that the gateway reads, as they travel: optional means optional. */
import type { Condition } from '../../contract/modeldeployment.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';

export interface GatewayClass extends KubeObject {
  spec: { controllerName: string };
  status?: { conditions?: Condition[] };
}

export interface Listener {
  name: string;
  port: number;
  protocol: string;
  hostname?: string;
  allowedRoutes?: {
    namespaces?: { from?: string };
    kinds?: { group?: string; kind: string }[];
  };
}

export interface Gateway extends KubeObject {
  spec: { gatewayClassName: string; listeners: Listener[] };
  status?: GatewayStatus;
}

export interface GatewayStatus {
  addresses?: { type?: string; value: string }[];
  conditions?: Condition[];
  listeners?: ListenerStatus[];
}

export interface ListenerStatus {
  name: string;
  attachedRoutes: number;
  supportedKinds: { group?: string; kind: string }[];
  conditions: Condition[];
}

export interface ParentRef {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

export interface ValueMatch {
  type?: string;
  name: string;
  value: string;
}

export interface RouteMatch {
  path?: { type?: string; value?: string };
  headers?: ValueMatch[];
  queryParams?: ValueMatch[];
  method?: string;
}

export interface HeaderChange {
  set?: { name: string; value: string }[];
  add?: { name: string; value: string }[];
  remove?: string[];
}

export interface ServiceRef {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
  port?: number;
}

export interface Filter {
  type: string;
  requestHeaderModifier?: HeaderChange;
  responseHeaderModifier?: HeaderChange;
  requestMirror?: {
    backendRef: ServiceRef;
    percent?: number;
    fraction?: { numerator: number; denominator?: number };
  };
  urlRewrite?: {
    hostname?: string;
    path?: { type: string; replacePrefixMatch?: string; replaceFullPath?: string };
  };
}

export interface BackendRef extends ServiceRef {
  weight?: number;
  filters?: Filter[];
}

export interface RouteRule {
  name?: string;
  matches?: RouteMatch[];
  filters?: Filter[];
  backendRefs?: BackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
}

export interface HttpRoute extends KubeObject {
  spec: { parentRefs?: ParentRef[]; hostnames?: string[]; rules?: RouteRule[] };
  status?: { parents?: RouteParentStatus[] };
}

export interface RouteParentStatus {
  parentRef: ParentRef;
  controllerName: string;
  conditions?: Condition[];
}

export interface Service extends KubeObject {
  spec: { ports?: { name?: string; port: number; protocol?: string; appProtocol?: string }[] };
}

export interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean; terminating?: boolean } }[] | null;
  ports?: { name?: string | null; port?: number | null; protocol?: string | null }[] | null;
}
