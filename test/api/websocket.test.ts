/** The socket itself, without a platform behind it. */
import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GraphQLInt, GraphQLObjectType, GraphQLSchema } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { serveWebSocket } from '../../src/api/websocket.ts';
import type { Ctx, Principal } from '../../src/graphql/context.ts';
import { LIMITS } from '../../src/graphql/gate.ts';
import { silentLog } from '../../src/lib/log.ts';
import { eventually } from '../support/eventually.ts';

let server: Server;
let url: string;
let sockets: ReturnType<typeof serveWebSocket>;
let running = 0;

/** One value, and then nothing until it is ended. */
function subscribe(): AsyncIterableIterator<object> {
  running++;
  const ended = Promise.withResolvers<IteratorResult<object>>();
  let isFirst = true;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (!isFirst) return ended.promise;
      isFirst = false;
      return { value: { tick: 1 }, done: false };
    },
    async return() {
      running--;
      ended.resolve({ value: undefined, done: true });
      return { value: undefined, done: true };
    },
  };
}

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { one: { type: GraphQLInt } } }),
  subscription: new GraphQLObjectType({ name: 'Subscription', fields: { tick: { type: GraphQLInt, subscribe } } }),
});

beforeEach(async () => {
  running = 0;
  server = createServer();
  sockets = serveWebSocket({
    server,
    schema,
    authenticate: async (authorization) =>
      authorization === 'Bearer wrong' ? null : ({ actorId: 'a', name: 'admin', isPlatformAdmin: true } as Principal),
    context: (principal, requestId) => ({ principal, requestId }) as Ctx,
    originAllowed: () => true,
    log: silentLog,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('the end waits a moment for a client that is frozen, and no longer', async () => {
  const frozen = new WebSocket(url, 'graphql-transport-ws');
  await once(frozen, 'open');
  frozen.pause();
  const before = performance.now();
  await sockets.close();
  expect(performance.now() - before).toBeLessThan(3_000);
  frozen.terminate();
});

test('a socket takes so many subscriptions at once, and one that has ended leaves its place', async () => {
  const client = createClient({ url, webSocketImpl: WebSocket, lazy: false, retryAttempts: 0 });
  const first = subscribed(client);
  for (let i = 1; i < LIMITS.maxSubscriptionsPerSocket; i++) subscribed(client);
  await eventually(() => expect(running).toBe(LIMITS.maxSubscriptionsPerSocket));
  expect(await subscribed(client).refused).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
  first.end();
  await eventually(() => expect(running).toBe(LIMITS.maxSubscriptionsPerSocket - 1));
  subscribed(client);
  await eventually(() => expect(running).toBe(LIMITS.maxSubscriptionsPerSocket));
  await client.dispose();
  await eventually(() => expect(running).toBe(0));
  await sockets.close();
});

test('a refused token is told why, and how to send one', async () => {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer wrong' } }));
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  expect([code, reason.toString()]).toEqual([
    4403,
    'Send a valid token in connection_init: {"authorization": "Bearer <token>"}.',
  ]);
  await sockets.close();
});

function subscribed(client: Client): { refused: Promise<unknown>; end: () => void } {
  const { promise: refused, resolve } = Promise.withResolvers<unknown>();
  const end = client.subscribe(
    { query: 'subscription { tick }' },
    { next: () => {}, error: resolve, complete: () => {} },
  );
  return { refused, end };
}
