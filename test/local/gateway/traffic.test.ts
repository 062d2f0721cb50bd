import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HTTPROUTES } from '../../../src/platform/cluster/resources.ts';
import { parsePrometheus } from '../../../src/platform/metrics/prometheus.ts';
import { eventually } from '../../support/eventually.ts';
import { echo, type Lab, NAMESPACE, openLab, to, weightsByBackend } from './lab.ts';

const CLIENTS = 8;

describe('traffic', () => {
  let lab: Lab;
  let pool: Pool;

  beforeAll(async () => {
    lab = await openLab();
    pool = new Pool(lab.gateway.url, { connections: CLIENTS });
  });
  afterAll(async () => {
    await pool.close();
    await lab.close();
  });

  const metrics = async () => (await fetch(lab.gateway.metricsUrl)).text();
  const at = (value: string) => [{ path: { type: 'PathPrefix', value } }];

  /** `count` requests on keep-alive connections. Returns how many were answered with each status or error. */
  async function load(path: string, count: number, stop?: AbortSignal): Promise<Record<string, number>> {
    const outcomes: Record<string, number> = {};
    let left = count;
    const client = async () => {
      while (left-- > 0 && !stop?.aborted) {
        let outcome: string;
        try {
          const answer = await pool.request({ method: 'POST', path, body: '{"inputs":[]}' });
          await answer.body.dump();
          outcome = String(answer.statusCode);
        } catch (error) {
          outcome = String(error);
        }
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return outcomes;
  }

  it('splits 10,000 requests exactly while weights change, and fails none', { timeout: 120_000 }, async () => {
    const received = { stable: 0, canary: 0 };
    for (const name of ['stable', 'canary'] as const) {
      const backend = await lab.backend((request, response) => {
        received[name]++;
        request.resume();
        response.end('{}');
      });
      await lab.service(name, [backend]);
    }
    const setWeight = (canary: number) =>
      lab.route('vad', [
        { name: 'clops', matches: at('/vad'), backendRefs: [to('stable', 100 - canary), to('canary', canary)] },
      ]);

    let due = 0;
    for (const canary of [1, 5, 10, 25, 50, 75, 100, 0, 33]) {
      await setWeight(canary);
      expect(weightsByBackend(await metrics(), 'clops_gateway_weight')).toEqual({ stable: 100 - canary, canary });
      expect(await load('/vad', 700)).toEqual({ 200: 700 });
      const counted = weightsByBackend(await metrics(), 'clops_gateway_weight_requests');
      expect(counted['stable']! + counted['canary']!).toBe(700);
      expect(Math.abs(counted['canary']! - 7 * canary)).toBeLessThanOrEqual(1);
      due += 7 * canary;
      expect(Math.abs(received.canary - due)).toBeLessThanOrEqual(1);
    }

    const before = { ...received };
    const running = load('/vad', 3700);
    let finished = false;
    void running.then(() => {
      finished = true;
    });
    let changes = 0;
    for (; !finished; changes++) await setWeight(changes % 2 === 0 ? 30 : 70);
    expect(await running).toEqual({ 200: 3700 });
    expect(changes).toBeGreaterThan(5);
    const share = (received.canary - before.canary) / 3700;
    expect(share).toBeGreaterThan(0.29);
    expect(share).toBeLessThan(0.71);
    const samples = parsePrometheus(await metrics(), (name) => name === 'clops_gateway_requests_total');
    const served = samples.filter(({ labels }) => labels['route'] === 'vad');
    expect(served.map(({ labels }) => labels['code'])).toEqual(['200', '200']);
    expect(served.reduce((sum, { value }) => sum + value, 0)).toBe(10_000);
    expect(received.stable + received.canary).toBe(10_000);
  });

  it('takes an endpoint out of the rotation as soon as it terminates, without a failed request', async () => {
    const names: string[] = [];
    const backend = (name: string) =>
      lab.backend((request, response) => {
        names.push(name);
        request.resume();
        setImmediate(() => response.end('{}'));
      });
    const [a, b, c] = await Promise.all([backend('a'), backend('b'), backend('c')]);
    await lab.service('drained', [a, b, c]);
    await lab.route('drained', [{ matches: at('/drained'), backendRefs: [to('drained')] }]);
    await load('/drained', 300);
    expect(new Set(names)).toEqual(new Set(['a', 'b', 'c']));

    const stop = new AbortController();
    const running = load('/drained', 1_000_000, stop.signal);
    await lab.service('drained', [a, b, { ...c, terminating: true }]);
    await eventually(() => expect(names.slice(-200).filter((name) => name !== 'c')).toHaveLength(200));
    await c.close();
    await lab.service('drained', [a, { ...b, ready: false }]);
    await eventually(() => expect(names.slice(-200).filter((name) => name === 'a')).toHaveLength(200));
    await b.close();
    const count = names.length;
    await eventually(() => expect(names.length).toBeGreaterThan(count + 200));
    stop.abort();
    expect(Object.keys(await running)).toEqual(['200']);
  });

  it('asks another endpoint when one refuses the connection', async () => {
    const [dead, alive] = await Promise.all([lab.backend(echo('dead')), lab.backend(echo('alive'))]);
    await lab.service('half', [dead, alive]);
    await lab.route('half', [{ matches: at('/half'), backendRefs: [to('half')] }]);
    await dead.close();
    expect(await load('/half', 200)).toEqual({ 200: 200 });
  });

  it('streams both ways, chunk by chunk', async () => {
    const backend = await lab.backend((request, response) => {
      response.flushHeaders();
      request.on('data', (chunk: Buffer) => response.write(chunk));
      request.on('end', () => response.end());
    });
    await lab.service('stream', [backend]);
    await lab.route('stream', [{ matches: at('/stream'), backendRefs: [to('stream')] }]);
    const sending = httpRequest(`${lab.gateway.url}/stream`, { method: 'POST' });
    sending.write('first');
    const [answer] = (await once(sending, 'response')) as [IncomingMessage];
    const chunk = async () => String(((await once(answer, 'data')) as [Buffer])[0]);
    expect(await chunk()).toBe('first');
    const second = chunk();
    sending.write('second');
    expect(await second).toBe('second');
    sending.end();
    answer.resume();
    await once(answer, 'end');
    expect(answer.headers['transfer-encoding']).toBe('chunked');
  });

  it('lets a header through before the body begins', async () => {
    let finish = () => {};
    const backend = await lab.backend((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      finish = () => response.end('data: 1\n\n');
    });
    await lab.service('events', [backend]);
    await lab.route('events', [{ matches: at('/events'), backendRefs: [to('events')] }]);
    const answer = await fetch(`${lab.gateway.url}/events`);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    finish();
    expect(await answer.text()).toBe('data: 1\n\n');
  });

  it('passes 100 MiB each way at the pace of a slow reader, without gathering them', async () => {
    const bytes = 100 * 2 ** 20;
    const piece = Buffer.alloc(256 * 1024, 7);
    const lead = { now: 0, most: 0 };
    function* pieces() {
      for (let sent = 0; sent < bytes; sent += piece.length) {
        lead.now += piece.length;
        lead.most = Math.max(lead.most, lead.now);
        yield piece;
      }
    }
    const slowly = async (stream: AsyncIterable<Buffer>) => {
      let seen = 0;
      for await (const chunk of stream) {
        seen += chunk.length;
        lead.now -= chunk.length;
        await new Promise(setImmediate);
      }
      return seen;
    };
    let uploaded = 0;
    const backend = await lab.backend(async (request, response) => {
      uploaded = await slowly(request);
      for (const chunk of pieces()) if (!response.write(chunk)) await once(response, 'drain');
      response.end();
    });
    await lab.service('big', [backend]);
    await lab.route('big', [{ matches: at('/big'), backendRefs: [to('big')] }]);
    const answer = await pool.request({ method: 'POST', path: '/big', body: Readable.from(pieces()) });
    expect([uploaded, await slowly(answer.body)]).toEqual([bytes, bytes]);
    // What the kernel holds for four sockets, and a little of each stream: 9 MiB here, and 90 without back-pressure.
    expect(lead.most).toBeLessThan(40 * 2 ** 20);
  });

  it('reads the rest of an upload that the backend has answered early, and uses the connection again', async () => {
    const backend = await lab.backend((request, response) => {
      if (request.method === 'GET') response.end('next');
      else request.once('data', () => response.writeHead(413).end('too large'));
    });
    await lab.service('early', [backend]);
    await lab.route('early', [{ matches: at('/early'), backendRefs: [to('early')] }]);
    const single = new Pool(lab.gateway.url, { connections: 1 });
    const body = Readable.from(Array.from({ length: 200 }, () => Buffer.alloc(65_536)));
    const answer = await single.request({ method: 'POST', path: '/early', body });
    expect([answer.statusCode, await answer.body.text()]).toEqual([413, 'too large']);
    expect(await (await single.request({ method: 'GET', path: '/early' })).body.text()).toBe('next');
    await single.close();
  });

  it('drops the copy for a mirror that does not keep up, and not the request', async () => {
    const counted = await lab.backend(async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      response.end(String(bytes));
    });
    const stuck = await lab.backend(() => {});
    await lab.service('counting', [counted]);
    await lab.service('stuck', [stuck]);
    const filters = [{ type: 'RequestMirror', requestMirror: { backendRef: to('stuck') } }];
    await lab.route('copied', [{ matches: at('/copied'), filters, backendRefs: [to('counting')] }]);
    const bytes = 32 * 2 ** 20;
    const answer = await pool.request({ method: 'POST', path: '/copied', body: Buffer.alloc(bytes) });
    expect(await answer.body.text()).toBe(String(bytes));
    await eventually(async () =>
      expect(await metrics()).toContain('route="copied",backend="stuck",result="dropped"} 1'),
    );
  });

  it('lets no mirror wait for a body that no backend takes, or take a part of it for the whole', async () => {
    const copies: { isWhole: boolean }[] = [];
    const mirror = await lab.backend((request, response) => {
      request.resume().once('close', () => copies.push({ isWhole: request.complete }));
      request.once('end', () => response.end());
    });
    const early = await lab.backend((request, response) => request.once('data', () => response.end('enough')));
    await lab.service('mirror', [mirror]);
    await lab.service('nobody', []);
    await lab.service('hasty', [early]);
    const filters = [{ type: 'RequestMirror', requestMirror: { backendRef: to('mirror') } }];
    for (const name of ['nobody', 'hasty'])
      await lab.route(name, [{ matches: at(`/${name}`), filters, backendRefs: [to(name)] }]);

    const nobody = await pool.request({ method: 'POST', path: '/nobody', body: 'x' });
    expect(nobody.statusCode).toBe(503);
    await nobody.body.dump();
    await eventually(async () =>
      expect(await metrics()).toContain('route="nobody",backend="mirror",result="dropped"} 1'),
    );

    const upload = httpRequest(`${lab.gateway.url}/hasty`, { method: 'POST' });
    upload.write('a part');
    const [answer] = (await once(upload, 'response')) as [IncomingMessage];
    await eventually(async () =>
      expect(await metrics()).toContain('route="hasty",backend="mirror",result="dropped"} 1'),
    );
    upload.end('the rest');
    await once(answer.resume(), 'end');
    expect(copies.filter(({ isWhole }) => isWhole)).toEqual([]);
  });

  it('ends the backend’s request when the client goes away, and counts 499', async () => {
    const closed = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const backend = await lab.backend((request) => {
      request.resume().once('close', () => closed.resolve());
      arrived.resolve();
    });
    await lab.service('abandoned', [backend]);
    await lab.route('abandoned', [{ matches: at('/abandoned'), backendRefs: [to('abandoned')] }]);
    const labels = 'namespace="speech",route="abandoned",backend="abandoned"';
    const abort = new AbortController();
    const asking = fetch(`${lab.gateway.url}/abandoned`, { method: 'POST', body: 'x', signal: abort.signal });
    await arrived.promise;
    expect(await metrics()).toContain(`clops_gateway_requests_in_flight{${labels}} 1`);
    abort.abort();
    await expect(asking).rejects.toThrow('aborted');
    await closed.promise;
    await eventually(async () => {
      const text = await metrics();
      expect(text).toContain(`clops_gateway_requests_total{${labels},code="499"} 1`);
      expect(text).toContain(`clops_gateway_requests_in_flight{${labels}} 0`);
    });
  });

  it('cuts an answer that breaks off, so that nobody takes a part for the whole', async () => {
    const backend = await lab.backend((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-length': '1000' });
      response.write('part');
      setImmediate(() => request.socket.destroy());
    });
    await lab.service('broken', [backend]);
    await lab.route('broken', [{ matches: at('/broken'), backendRefs: [to('broken')] }]);
    const answer = await fetch(`${lab.gateway.url}/broken`);
    await expect(answer.text()).rejects.toThrow();
    expect(await metrics()).toContain('backend="broken",code="502"} 1');
  });

  it('counts in a form that parses, and forgets routes that are gone', async () => {
    const backend = await lab.backend(echo('x'));
    await lab.service('counted', [backend]);
    await lab.route('counted', [{ matches: at('/counted'), backendRefs: [to('counted')] }]);
    await load('/counted', 20);
    const own = async () =>
      parsePrometheus(await metrics(), () => true).filter(({ labels }) => labels['route'] === 'counted');
    const samples = await own();
    const of = (name: string) =>
      samples.filter((sample) => sample.name === `clops_gateway_${name}` && sample.labels['backend'] === 'counted');
    expect(of('requests_total').map(({ labels, value }) => [labels['code'], value])).toEqual([['200', 20]]);
    const buckets = of('request_duration_seconds_bucket');
    expect(buckets.map(({ labels }) => labels['le'])).toEqual(
      '0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf'.split(' '),
    );
    expect(buckets.map(({ value }) => value)).toEqual(buckets.map(({ value }) => value).toSorted((a, b) => a - b));
    expect(buckets.at(-1)?.value).toBe(20);
    expect(of('request_duration_seconds_count')[0]?.value).toBe(20);
    expect(of('request_duration_seconds_sum')[0]?.value).toBeGreaterThan(0);
    expect(of('weight_requests')[0]?.labels['rule']).toBe('0');
    await lab.cluster.delete(HTTPROUTES, 'counted', NAMESPACE);
    await eventually(async () => expect(await own()).toEqual([]));
  });
});
