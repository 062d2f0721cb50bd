/** A gateway on the local API's core, with real HTTP servers behind it. Everything is ended by `close()`. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GATEWAY_CONTROLLER } from '../../../src/contract/names.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createApi } from '../../../src/local/apiserver/handler.ts';
import { createInProcessCluster } from '../../../src/local/apiserver/inProcess.ts';
import { type RunningGateway, startGateway } from '../../../src/local/gateway/index.ts';
import type { BackendRef, HttpRoute, RouteRule } from '../../../src/local/gateway/types.ts';
import type { ClusterPort, KubeObject, Resource } from '../../../src/platform/cluster/port.ts';
import {
  ENDPOINTSLICES,
  GATEWAYCLASSES,
  GATEWAYS,
  HTTPROUTES,
  NAMESPACES,
  SERVICES,
} from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';

export const NAMESPACE = 'speech';
export const GATEWAY_API = 'gateway.networking.k8s.io/v1';

export interface TestBackend {
  port: number;
  close(): Promise<void>;
}

interface TestEndpoint {
  port: number;
  ready?: boolean;
  terminating?: boolean;
}

export interface Lab {
  cluster: ClusterPort;
  gateway: RunningGateway;
  apply(resource: Resource, object: KubeObject): Promise<KubeObject>;
  backend(listener: RequestListener): Promise<TestBackend>;
  /** A Service with port 80 and one slice for each distinct port, as the local controllers make them. */
  service(name: string, endpoints: readonly TestEndpoint[]): Promise<void>;
  /** Applies a route and waits until the gateway says that it serves this generation. */
  route(name: string, rules: RouteRule[], more?: Partial<HttpRoute['spec']>): Promise<HttpRoute>;
  getRoute(name: string): Promise<HttpRoute>;
  close(): Promise<void>;
}

export const to = (name: string, weight?: number): BackendRef => ({
  name,
  port: 80,
  ...(weight !== undefined && { weight }),
});

export async function openLab(): Promise<Lab> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-gateway-'));
  const api = createApi({ dataDir, clock: systemClock, log: silentLog });
  const cluster = createInProcessCluster(api, 'test');
  const backends = new Set<TestBackend>();
  const apply = (resource: Resource, object: KubeObject): Promise<KubeObject> =>
    cluster.apply(resource, object, { fieldManager: 'test', force: true });

  for (const name of [NAMESPACE, 'clops-system'])
    await apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await apply(GATEWAYCLASSES, {
    apiVersion: GATEWAY_API,
    kind: 'GatewayClass',
    metadata: { name: 'clops' },
    spec: { controllerName: GATEWAY_CONTROLLER },
  });
  const gateway = await startGateway({ cluster, port: 0, bind: '127.0.0.1', log: silentLog });
  const allowedRoutes = { namespaces: { from: 'All' } };
  await apply(GATEWAYS, {
    apiVersion: GATEWAY_API,
    kind: 'Gateway',
    metadata: { name: 'clops', namespace: 'clops-system' },
    spec: {
      gatewayClassName: 'clops',
      listeners: [{ name: 'http', protocol: 'HTTP', port: Number(new URL(gateway.url).port), allowedRoutes }],
    },
  });

  const getRoute = (name: string): Promise<HttpRoute> => cluster.get<HttpRoute>(HTTPROUTES, name, NAMESPACE);

  return {
    cluster,
    gateway,
    apply,
    getRoute,
    async backend(listener) {
      const server = createServer(listener);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const backend: TestBackend = {
        port: (server.address() as AddressInfo).port,
        async close() {
          backends.delete(backend);
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        },
      };
      backends.add(backend);
      return backend;
    },
    async service(name, endpoints) {
      await apply(SERVICES, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: NAMESPACE },
        spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
      });
      const slices = new Set<string>();
      for (const { port, ready = true, terminating = false } of endpoints) {
        slices.add(`${name}-${port}`);
        await apply(ENDPOINTSLICES, {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: `${name}-${port}`, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': name } },
          addressType: 'IPv4',
          endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready, serving: ready, terminating } }],
          ports: [{ name: 'http', port, protocol: 'TCP' }],
        });
      }
      const selector = { namespace: NAMESPACE, labelSelector: `kubernetes.io/service-name=${name}` };
      const { items } = await cluster.list(ENDPOINTSLICES, selector);
      for (const { metadata } of items)
        if (!slices.has(metadata.name)) await cluster.delete(ENDPOINTSLICES, metadata.name, NAMESPACE);
    },
    async route(name, rules, more = {}) {
      const { metadata } = await apply(HTTPROUTES, {
        apiVersion: GATEWAY_API,
        kind: 'HTTPRoute',
        metadata: { name, namespace: NAMESPACE },
        spec: { parentRefs: [{ name: 'clops', namespace: 'clops-system' }], rules, ...more },
      });
      return eventually(async () => {
        const route = await getRoute(name);
        const own = route.status?.parents?.find(({ controllerName }) => controllerName === GATEWAY_CONTROLLER);
        const condition = own?.conditions?.[0];
        if (condition?.observedGeneration !== metadata.generation) throw new Error('the route is not programmed yet');
        return route;
      });
    },
    async close() {
      await gateway.close();
      await Promise.all([...backends].map((backend) => backend.close()));
      await cluster.close();
      await api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Answers with its name, the path it was asked for and the header fields it got. */
export const echo =
  (name: string): RequestListener =>
  (request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name, method: request.method, url: request.url, headers: request.headers }));
  };

export const weightsByBackend = (text: string, metric: string): Record<string, number> =>
  Object.fromEntries(
    [...text.matchAll(new RegExp(`^${metric}\\{.*backend="([^"]*)".*\\} (\\S+)$`, 'gm'))].map(([, name, value]) => [
      name,
      Number(value),
    ]),
  );
