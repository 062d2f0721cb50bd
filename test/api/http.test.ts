/** HTTP itself, with a schema of one field: what a client that misbehaves gets. */
import 'reflect-metadata';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { buildSchema } from 'graphql';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createHttp } from '../../src/api/server.ts';
import type { Ctx } from '../../src/graphql/context.ts';
import { silentLog } from '../../src/lib/log.ts';

let app: FastifyInstance;
let port: number;

beforeAll(async () => {
  const http = await createHttp({
    schema: buildSchema('type Query { one: Int }'),
    authenticate: async () => null,
    context: () => {
      throw new Error('no request of this test gets so far');
    },
    corsAllowed: () => false,
    log: silentLog,
    bodyWithinMs: 200,
  });
  app = http.app;
  await app.listen({ port: 0, host: '127.0.0.1' });
  port = (app.server.address() as { port: number }).port;
});
afterAll(() => app.close());
afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

test.each(['/graphql', '/nothing'])('half a body does not hold a connection: %s', async (path) => {
  const began = performance.now();
  const socket = connect(port, '127.0.0.1');
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\nContent-Length: 100\r\n\r\n{"q`;
  socket.write(head);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer).toContain('The body of the request has not arrived within 0.2 s.');
  expect(performance.now() - began).toBeLessThan(5_000);
});

test('what no server should take is refused', async () => {
  const statusOf = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1');
      socket.on('data', (chunk) => (answer += chunk)).on('error', () => {}); // it is reset while it still sends
      socket.on('close', () => resolve(answer.slice(9, 12)));
      socket.write(text);
    });
  const json = 'content-type: application/json';
  expect(await statusOf(`GET /graphql HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(200_000)}\r\n\r\n`)).toBe('431');
  expect(
    await statusOf(`POST /graphql HTTP/1.1\r\nHost: x\r\n${json}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n`),
  ).toBe('400');
  const twice = `Host: x\r\n${json}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked`;
  expect(await statusOf(`POST /graphql HTTP/1.1\r\n${twice}\r\n\r\n0\r\n\r\n`)).toBe('400');
  const large = `Host: x\r\nConnection: close\r\n${json}\r\nContent-Length: 2000000`;
  expect(await statusOf(`POST /graphql HTTP/1.1\r\n${large}\r\n\r\n{`)).toBe('413');
});

test('who asks at another place is told where GraphQL is', async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  expect(answer.status).toBe(404);
  expect(await answer.json()).toEqual({ error: 'Nothing is served at GET /. GraphQL is at /graphql.' });
});

test('nothing is reported to Apollo, whatever of theirs is in the environment', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url);
    return new Response();
  });
  vi.stubEnv('APOLLO_KEY', 'service:somebody:secret').stubEnv('APOLLO_GRAPH_REF', 'somebody@current');
  vi.stubEnv('APOLLO_SCHEMA_REPORTING', 'true');
  const reporting = await createHttp({
    schema: buildSchema('type Query { one: Int }'),
    authenticate: async () => null,
    context: () => ({ principal: { actorId: 'somebody' } }) as Ctx,
    corsAllowed: () => false,
    log: silentLog,
  });
  const answer = await reporting.app.inject({ method: 'POST', url: '/graphql', payload: { query: '{ one }' } });
  expect(answer.json()).toEqual({ data: { one: null } });
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate); // They count a request after its answer,
  await reporting.apollo.stop(); // and send what they have counted at the end, at the latest.
  expect(asked).toEqual([]);
});
