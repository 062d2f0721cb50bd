import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { echo, type Lab, openLab, type TestBackend, to } from './lab.ts';

interface Echoed {
  name: string;
  method: string;
  url: string;
  headers: Record<string, string>;
}

describe('routing', () => {
  let lab: Lab;
  let ask: (path: string, init?: RequestInit) => Promise<Response>;
  let body: (path: string, init?: RequestInit) => Promise<Echoed>;
  let one: TestBackend;
  let two: TestBackend;

  beforeAll(async () => {
    lab = await openLab();
    ask = (path, init) => fetch(`${lab.gateway.url}${path}`, init);
    body = async (path, init) => (await (await ask(path, init)).json()) as Echoed;
    one = await lab.backend(echo('one'));
    two = await lab.backend(echo('two'));
    await lab.service('one', [one]);
    await lab.service('two', [two]);
  });
  afterAll(() => lab.close());

  it('rewrites the prefix, keeps the query and says who asked', async () => {
    await lab.route('vad', [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/speech/vad' } }],
        filters: [
          { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } },
        ],
        backendRefs: [to('one')],
      },
    ]);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await body('/speech/vad/v2/models?x=1', { headers: { traceparent, 'x-forwarded-for': '10.0.0.1' } });
    expect(answer.url).toBe('/v2/models?x=1');
    expect(answer.headers).toMatchObject({
      traceparent,
      host: new URL(lab.gateway.url).host,
      'x-forwarded-for': '10.0.0.1, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': new URL(lab.gateway.url).host,
    });
    expect((await body('/speech/vad')).url).toBe('/');
    expect((await body('/speech/vad/')).url).toBe('/');
    expect((await ask('/speech/vadx')).status).toBe(404);
  });

  it('prefers exact paths, longer prefixes, methods, headers and query parameters, in this order', async () => {
    const stamp = (value: string) => ({
      backendRefs: [to('one')],
      filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-rule', value }] } }],
    });
    const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });
    await lab.route('order', [
      { matches: [prefix('/order')], ...stamp('short') },
      { matches: [prefix('/order/long')], ...stamp('long') },
      { matches: [{ path: { type: 'Exact', value: '/order/long' } }], ...stamp('exact') },
      { matches: [{ ...prefix('/order'), queryParams: [{ name: 'q', value: '1' }] }], ...stamp('query') },
      { matches: [{ ...prefix('/order'), headers: [{ name: 'X-Arm', value: 'b' }] }], ...stamp('header') },
      {
        matches: [{ ...prefix('/order'), headers: [{ type: 'RegularExpression', name: 'x-user', value: '(a+)+1' }] }],
        ...stamp('regex'),
      },
      { matches: [{ ...prefix('/order'), method: 'DELETE' }], ...stamp('method') },
    ]);
    const rule = async (path: string, init?: RequestInit) => (await body(path, init)).headers['x-rule'];
    expect(await rule('/order/x')).toBe('short');
    expect(await rule('/order/long/x?q=1')).toBe('long');
    expect(await rule('/order/long')).toBe('exact');
    expect(await rule('/order?q=1')).toBe('query');
    expect(await rule('/order?q=2')).toBe('short');
    expect(await rule('/order?q=1', { headers: { 'x-arm': 'b' } })).toBe('header');
    expect(await rule('/order', { headers: { 'x-user': 'aaa1' } })).toBe('regex');
    expect(await rule('/order', { headers: { 'x-user': `${'a'.repeat(4000)}2` } })).toBe('short');
    expect(await rule('/order?q=1', { method: 'DELETE', headers: { 'x-arm': 'b' } })).toBe('method');
  });

  it('changes headers for rule and backend, and takes no hop-by-hop field over', async () => {
    const filter = (name: string) => ({
      type: 'ResponseHeaderModifier',
      responseHeaderModifier: { set: [{ name, value: 'yes' }], remove: ['content-type'] },
    });
    await lab.route('stamped', [
      {
        matches: [{ path: { value: '/stamped' } }],
        filters: [filter('x-rule')],
        backendRefs: [{ ...to('one'), filters: [filter('x-version')] }],
      },
    ]);
    const answer = await ask('/stamped', { headers: { te: 'trailers', 'proxy-authorization': 'secret' } });
    expect([answer.headers.get('x-rule'), answer.headers.get('x-version')]).toEqual(['yes', 'yes']);
    expect(answer.headers.get('content-type')).toBeNull();
    const { headers } = (await answer.json()) as Echoed;
    expect(headers).not.toHaveProperty('te');
    expect(headers).not.toHaveProperty('proxy-authorization');
  });

  it('routes by host name, most specific first', async () => {
    const rules = (name: string) => [{ matches: [{ path: { value: '/host' } }], backendRefs: [to(name)] }];
    await lab.route('by-host', rules('one'), { hostnames: ['models.example'] });
    await lab.route('by-wildcard', rules('two'), { hostnames: ['*.example'] });
    const { request } = await import('undici');
    const name = async (host: string) => {
      const answer = await request(`${lab.gateway.url}/host`, { headers: { host } });
      const text = await answer.body.text();
      return answer.statusCode === 200 ? (JSON.parse(text) as Echoed).name : answer.statusCode;
    };
    expect(await name('models.example:8080')).toBe('one');
    expect(await name('MODELS.example')).toBe('one');
    expect(await name('other.example')).toBe('two');
    expect(await name('a.b.example')).toBe('two');
    expect(await name('example')).toBe(404);
  });

  it('mirrors requests with their bodies, and does not wait for the mirror', async () => {
    const bodies: string[] = [];
    const mirror = await lab.backend((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      request.on('end', () => {
        bodies.push(text);
        response.writeHead(500).end();
      });
    });
    await lab.service('mirror', [mirror]);
    await lab.route('mirrored', [
      {
        matches: [{ path: { value: '/mirrored' } }],
        filters: [{ type: 'RequestMirror', requestMirror: { backendRef: to('mirror'), percent: 50 } }],
        backendRefs: [to('one')],
      },
    ]);
    for (let i = 0; i < 10; i++)
      expect((await body('/mirrored', { method: 'POST', body: `number ${i}` })).name).toBe('one');
    await eventually(() => expect(bodies.toSorted()).toEqual([1, 3, 5, 7, 9].map((i) => `number ${i}`)));
    const text = await (await fetch(lab.gateway.metricsUrl)).text();
    expect(text).toContain(
      'clops_gateway_mirrored_requests_total{namespace="speech",route="mirrored",backend="mirror",result="500"} 5',
    );
  });

  it('refuses with a status and a sentence', async () => {
    const rules = [
      { matches: [{ path: { value: '/missing' } }], backendRefs: [to('absent')] },
      { matches: [{ path: { value: '/empty' } }], backendRefs: [to('empty')] },
      { matches: [{ path: { value: '/nobody' } }], backendRefs: [to('one', 0)] },
      { matches: [{ path: { value: '/redirect' } }], filters: [{ type: 'RequestRedirect' }], backendRefs: [to('one')] },
      { matches: [{ path: { value: '/refused' } }], backendRefs: [to('refused')] },
      { matches: [{ path: { value: '/torn' } }], backendRefs: [to('torn')] },
      { matches: [{ path: { value: '/slow' } }], backendRefs: [to('slow')], timeouts: { request: '50ms' } },
    ];
    const gone = await lab.backend(echo('gone'));
    await gone.close();
    const torn = await lab.backend((request) => request.socket.destroy());
    const slow = await lab.backend(() => {});
    await lab.service('empty', []);
    await lab.service('refused', [gone]);
    await lab.service('torn', [torn]);
    await lab.service('slow', [slow]);
    await lab.route('refusals', rules);
    const refusal = async (path: string) => {
      const answer = await ask(path, { method: 'POST', body: 'x' });
      return [answer.status, ((await answer.json()) as { error: string }).error];
    };
    const rule = (n: number) => `route speech/refusals, rule ${n}:`;
    expect(await refusal('/none')).toEqual([
      404,
      expect.stringContaining('no HTTPRoute takes POST /none on host 127.0.0.1'),
    ]);
    expect(await refusal('/missing')).toEqual([500, `${rule(0)} Service speech/absent does not exist.`]);
    expect(await refusal('/empty')).toEqual([503, 'Service speech/empty has no ready endpoint']);
    expect(await refusal('/nobody')).toEqual([500, `${rule(2)} no backend has a weight above 0`]);
    expect(await refusal('/redirect')).toEqual([500, `${rule(3)} the filter RequestRedirect is not served here`]);
    expect(await refusal('/refused')).toEqual([
      502,
      `Service speech/refused: http://127.0.0.1:${gone.port} refused the connection`,
    ]);
    expect(await refusal('/torn')).toEqual([502, expect.stringContaining('closed the connection before its answer')]);
    expect(await refusal('/slow')).toEqual([
      504,
      'Service speech/slow took longer than the route’s 50 ms'.replace('’', "'"),
    ]);
  });
});
