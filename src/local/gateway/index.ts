/**
 * The local gateway: serves HTTPRoutes of Gateways whose class names our controller, on one port. It speaks to any
 * Kubernetes API through the cluster port alone, and keeps serving what it knows while that API is away.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ClusterPort } from '../../platform/cluster/port.ts';
import { createCaches } from './caches.ts';
import { type Counters, createCounters } from './counters.ts';
import { createEndpoints } from './endpoints.ts';
import { createLive, type Live } from './live.ts';
import { createPublisher } from './publish.ts';
import { createGatewayServer, type ServerOptions } from './server.ts';
import { buildState, type State } from './state.ts';

export interface GatewayOptions {
  cluster: ClusterPort;
  /** Of the data plane; 0 takes a free one. A listener is served when it asks for this port. */
  port: number;
  bind: string;
  /** For status.addresses. Default: `bind`, or 127.0.0.1 when that is every address. */
  address?: string;
  log: Log;
  clock?: Clock;
}

export interface RunningGateway {
  /** `http://127.0.0.1:8080` */
  url: string;
  /** `http://127.0.0.1:41234/metrics`, Prometheus text. `/readyz` beside it is 200 once the routes are known. */
  metricsUrl: string;
  /** Takes no new connections, lets requests in flight end for at most 10 s, then cuts. */
  close(): Promise<void>;
}

const DRAIN_MS = 10_000;

/** Resolves when it listens; until the routes are known it answers 503. Rejects when the port is taken. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { cluster, bind, log, clock = systemClock } = options;
  const counters = createCounters();
  const endpoints = createEndpoints();
  const live = createLive(endpoints, counters, clock.now);
  const caches = createCaches(cluster, log, clock);
  const context: ServerOptions = { clock, log, closing: false, live, isReady: () => isReady };
  let isReady = false;

  const server = createGatewayServer(context);
  const port = await listen(server, options.port, bind);
  const metrics = createMetricsServer(counters, live, () => isReady);
  const metricsUrl = `http://127.0.0.1:${await listen(metrics, 0, '127.0.0.1')}/metrics`;

  let state: State = buildState({ ...caches.observed(), classes: [] }, port);
  const address = options.address ?? (bind === '0.0.0.0' || bind === '::' ? '127.0.0.1' : bind);
  const publisher = createPublisher({ cluster, caches, state: () => state, port, address, metricsUrl, log, clock });
  caches.start({
    rebuild() {
      state = buildState(caches.observed(), port);
      live.adopt(state.table);
      isReady = true;
      publisher.publish();
    },
    look: publisher.look,
  });
  const url = `http://${isIPv6(bind) ? `[${bind}]` : bind}:${port}`;
  log.info({ url, metricsUrl }, 'the gateway listens');

  return {
    url,
    metricsUrl,
    async close() {
      context.closing = true;
      await Promise.all([publisher.stop(), caches.stop()]);
      const cancel = clock.after(DRAIN_MS, () => server.closeAllConnections());
      await closeServer(server);
      cancel();
      // What is left at the endpoints has no client any more.
      await endpoints.destroy();
      metrics.closeAllConnections();
      await closeServer(metrics);
    },
  };
}

function createMetricsServer(counters: Counters, live: Live, isReady: () => boolean): Server {
  return createServer((request, response) => {
    if (request.url === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(counters.render(live.weights()));
    } else if (request.url === '/readyz') {
      response.statusCode = isReady() ? 200 : 503;
      response.end(isReady() ? 'ok\n' : 'the routes are not known yet\n');
    } else {
      response.statusCode = 404;
      response.end('see /metrics and /readyz\n');
    }
  });
}

async function listen(server: Server, port: number, bind: string): Promise<number> {
  server.listen(port, bind);
  try {
    await once(server, 'listening');
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (!taken) throw error;
    const message = `Port ${port} on ${bind} is in use: end what listens there, or set CLOPS_GATEWAY_PORT to another port.`;
    throw new Error(message, { cause: error });
  }
  const address = server.address();
  return typeof address === 'object' && address ? address.port : port;
}

const closeServer = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
