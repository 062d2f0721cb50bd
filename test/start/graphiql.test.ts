import { type FastifyInstance, fastify } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { registerGraphiql } from '../../src/api/graphiql.ts';
import { GRAPHIQL_TABS } from '../../src/start/tabs.ts';

let app: FastifyInstance;
let url: string;

beforeEach(async () => {
  app = fastify();
  app.get('/graphql', async () => ({ data: 'an answer' }));
  registerGraphiql(app, { tabs: [{ query: 'query Me { me { name } }', variables: '{}' }] });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(() => app.close());

const get = (path: string, accept = '*/*', encoding = 'gzip') =>
  fetch(url + path, { headers: { accept, 'accept-encoding': encoding } });

test('a browser gets the page, everybody else the API', async () => {
  const browser = 'text/html,application/xhtml+xml,*/*;q=0.8';
  const page = await get('/graphql', browser);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  expect(await page.text()).toContain('<title>CLOps GraphiQL</title>');
  for (const answer of [await get('/graphql'), await get('/graphql?query={me{name}}', browser)]) {
    expect(await answer.json()).toEqual({ data: 'an answer' });
  }
});

test('a browser that was given only the address is led to the page, nobody else', async () => {
  const led = await get('/', 'text/html');
  expect(led.url).toBe(`${url}/graphql`);
  expect(await led.text()).toContain('<title>CLOps GraphiQL</title>');
  expect((await get('/')).status).toBe(404);
});

test('all that the page loads is there, compressed or not, and from here', async () => {
  const page = await (await get('/graphql', 'text/html')).text();
  const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)]
    .map(([, path = '']) => path)
    .filter((path) => path !== 'data:,');
  expect(files.length).toBeGreaterThan(2);
  for (const path of files) {
    expect(path).toMatch(/^\/graphiql\//);
    const packed = await get(path);
    const plain = await get(path, '*/*', 'identity');
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(packed.headers.get('cache-control')).toContain('immutable');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await packed.text()).toBe(await plain.text());
  }
  const script = await (await get(files.find((path) => path.endsWith('.js')) ?? '')).text();
  expect(script).not.toMatch(/(esm\.sh|unpkg\.com|jsdelivr\.net)\/[a-z@]/);
});

test('tabs are what was passed in, and no other file of the machine is served', async () => {
  expect(await (await get('/graphiql/tabs.json')).json()).toEqual([
    { query: 'query Me { me { name } }', variables: '{}' },
  ]);
  for (const path of ['/graphiql/..%2f..%2fpackage.json', '/graphiql/index.html.gz', '/graphiql/']) {
    expect((await get(path)).status).toBe(404);
  }
});

test('the lines of a prepared tab are no longer than its pane', () => {
  const lines = GRAPHIQL_TABS.flatMap(({ query }) => query.split('\n'));
  expect(lines.filter((line) => line.length > 42)).toEqual([]);
});
