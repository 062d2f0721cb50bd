import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { covers, hostOf, intersectHostnames } from '../../../src/local/gateway/hostname.ts';
import { parseDuration } from '../../../src/local/gateway/rule.ts';
import { echo, type Lab, openLab, to } from './lab.ts';

describe('protocol', () => {
  let lab: Lab;
  let reached = 0;

  beforeAll(async () => {
    lab = await openLab();
    const backend = await lab.backend((request, response) => {
      reached++;
      echo('one')(request, response);
    });
    await lab.service('one', [backend]);
    await lab.route('all', [{ backendRefs: [to('one')] }]);
  });
  afterAll(() => lab.close());

  async function raw(text: string): Promise<string> {
    const socket = connect(Number(new URL(lab.gateway.url).port), '127.0.0.1');
    socket.setEncoding('utf8');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', () => {});
    socket.write(text);
    await once(socket, 'close');
    return answer;
  }
  const close = 'Connection: close\r\n';

  it.each([
    ['two framings', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x', 400],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!', 400],
    ['two hosts', `Host: other\r\n${close}\r\n`, 400],
    ['a bad length', 'Content-Length: -1\r\n\r\n', 400],
    ['a header beyond 32 KiB', `X-Large: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
    ['a websocket', 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 501],
  ])('refuses %s, and no backend hears of it', async (_what, fields, status) => {
    const before = reached;
    const answer = await raw(`POST / HTTP/1.1\r\nHost: models\r\n${fields}`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/\{"error":".+"\}\n/);
    expect(reached).toBe(before);
  });

  it('refuses to be a forward proxy', async () => {
    expect(await raw('CONNECT example:443 HTTP/1.1\r\nHost: example\r\n\r\n')).toMatch(/^HTTP\/1.1 501 /);
    expect(await raw(`OPTIONS * HTTP/1.1\r\nHost: example\r\n${close}\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  });

  it('answers in HTTP/1.1 whoever offers HTTP/2', async () => {
    const answer = await raw(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(answer).not.toContain('h2c');
  });

  it('takes the host of an absolute target, and answers HEAD and HTTP/1.0', async () => {
    const absolute = await raw(`GET http://models.example/a?b HTTP/1.1\r\nHost: other\r\n${close}\r\n`);
    expect(absolute).toContain('"url":"/a?b"');
    expect(absolute).toContain('"host":"models.example"');
    const head = await raw(`HEAD / HTTP/1.1\r\nHost: x\r\n${close}\r\n`);
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(head).toMatch(/\r\n\r\n$/);
    expect(await raw('GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*"name":"one"/);
  });
});

describe('closing', () => {
  it('lets requests in flight end, and takes no new ones', async () => {
    const lab = await openLab();
    let finish = () => {};
    const arrived = Promise.withResolvers<void>();
    const backend = await lab.backend((_request, response) => {
      finish = () => response.end('done');
      arrived.resolve();
    });
    await lab.service('slow', [backend]);
    await lab.route('slow', [{ backendRefs: [to('slow')] }]);
    const asking = fetch(lab.gateway.url);
    await arrived.promise;
    const closing = lab.gateway.close();
    await expect(fetch(lab.gateway.url)).rejects.toThrow();
    finish();
    const answer = await asking;
    expect(answer.headers.get('connection')).toBe('close');
    expect(await answer.text()).toBe('done');
    await closing;
    await lab.close();
  });

  it('says which port is taken and what to set', async () => {
    const lab = await openLab();
    const { startGateway } = await import('../../../src/local/gateway/index.ts');
    const { silentLog } = await import('../../../src/lib/log.ts');
    const port = Number(new URL(lab.gateway.url).port);
    const starting = startGateway({ cluster: lab.cluster, port, bind: '127.0.0.1', log: silentLog });
    await expect(starting).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use`);
    await lab.close();
  });
});

describe('names and durations', () => {
  it('reads hosts', () => {
    expect(['a.B:80', '[::1]:80', '[::1]', '', undefined].map(hostOf)).toEqual(['a.b', '[::1]', '[::1]', '', '']);
    expect(covers('*.example', 'a.b.example')).toBe(true);
    expect(covers('*.example', 'example')).toBe(false);
    expect(covers('*.example', 'badexample')).toBe(false);
  });

  it('intersects host names of listener and route', () => {
    expect(intersectHostnames(undefined, undefined)).toEqual(['']);
    expect(intersectHostnames(undefined, ['a.example'])).toEqual(['a.example']);
    expect(intersectHostnames('*.example', ['a.example', 'b.other'])).toEqual(['a.example']);
    expect(intersectHostnames('a.example', ['*.example'])).toEqual(['a.example']);
    expect(intersectHostnames('a.example', ['b.example'])).toBeUndefined();
  });

  it('reads durations of Gateway API', () => {
    expect(['1m30s', '500ms', '0s', '1h2m3s4ms', '1.5s', '30', ''].map(parseDuration)).toEqual([
      90_000,
      500,
      0,
      3_723_004,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
