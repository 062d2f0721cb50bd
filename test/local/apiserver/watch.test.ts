import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject, WatchEvent } from '../../../src/platform/cluster/port.ts';
import { CONFIGMAPS, PODS } from '../../../src/platform/cluster/resources.ts';
import { aConfigMap, aPod, refusal, startCore, type TestCore } from './harness.ts';

let core: TestCore;
beforeAll(async () => {
  core = await startCore();
});
afterAll(() => core.close());

/** Reads `count` events and ends the watch. */
async function take(
  count: number,
  options: { resourceVersion: string; labelSelector?: string; fieldSelector?: string },
  resource = CONFIGMAPS,
) {
  const events: WatchEvent<KubeObject>[] = [];
  for await (const event of core.cluster.watch(resource, options)) {
    events.push(event);
    if (events.length === count) break;
  }
  return events.map((event) =>
    event.type === 'BOOKMARK' ? event.type : `${event.type} ${event.object.metadata.name}`,
  );
}

describe('watch', () => {
  it('continues exactly where a list ended', async () => {
    const { cluster } = core;
    const { resourceVersion } = await cluster.list(CONFIGMAPS);
    await cluster.create(CONFIGMAPS, aConfigMap('a'));
    await cluster.patch(CONFIGMAPS, 'a', 'default', 'merge', { data: { x: '1' } });
    await cluster.delete(CONFIGMAPS, 'a', 'default');
    expect(await take(3, { resourceVersion })).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  it('hears of a write within milliseconds', async () => {
    const { cluster } = core;
    const { resourceVersion } = await cluster.list(CONFIGMAPS);
    const watching = cluster.watch(CONFIGMAPS, { resourceVersion })[Symbol.asyncIterator]();
    const next = watching.next();
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const heard = i === 0 ? next : watching.next();
      const at = performance.now();
      await cluster.create(CONFIGMAPS, aConfigMap(`fast-${i}`));
      await heard;
      times.push(performance.now() - at);
    }
    await watching.return?.();
    expect(times.sort((a, b) => a - b)[10]).toBeLessThan(10);
  });

  it('tells of objects that come into a selection and leave it', async () => {
    const { cluster } = core;
    const { resourceVersion } = await cluster.list(PODS);
    await cluster.create(PODS, aPod('p'));
    const BINDINGS = { group: '', version: 'v1', plural: 'bindings', kind: 'Binding', namespaced: true };
    await cluster.create<KubeObject>(BINDINGS, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p', namespace: 'default' },
      target: { name: 'n1' },
    });
    const set = (phase: string) =>
      cluster.patch(PODS, 'p', 'default', 'merge', { status: { phase } }, { subresource: 'status' });
    await set('Running');
    await set('Failed');
    expect(await take(2, { resourceVersion, fieldSelector: 'spec.nodeName=n1,status.phase!=Failed' }, PODS)).toEqual([
      'ADDED p',
      'MODIFIED p',
    ]);
    expect(await take(2, { resourceVersion, fieldSelector: 'status.phase=Running' }, PODS)).toEqual([
      'ADDED p',
      'DELETED p',
    ]);
  });

  it('is 410 when its past is gone, and for a revision that never was', async () => {
    const { cluster } = core;
    const { resourceVersion } = await cluster.list(CONFIGMAPS);
    await cluster.create(CONFIGMAPS, aConfigMap('many'));
    for (let i = 0; i < 2100; i++)
      await cluster.patch(CONFIGMAPS, 'many', 'default', 'merge', { data: { i: String(i) } });
    const old = await refusal(take(1, { resourceVersion }));
    expect(old.status).toMatchObject({
      code: 410,
      reason: 'Expired',
      message: expect.stringContaining('too old resource version'),
    });
    expect((await refusal(take(1, { resourceVersion: '99999999' }))).code).toBe(410);
  });

  it('ends after timeoutSeconds with a bookmark of what it has seen', async () => {
    const { cluster } = core;
    const { resourceVersion } = await cluster.list(PODS);
    await cluster.create(CONFIGMAPS, aConfigMap('elsewhere'));
    const events: WatchEvent<KubeObject>[] = [];
    for await (const event of cluster.watch(PODS, { resourceVersion, timeoutSeconds: 1 })) events.push(event);
    expect(events).toEqual([{ type: 'BOOKMARK', resourceVersion: (await cluster.list(PODS)).resourceVersion }]);
  });

  it('cuts a watcher that does not read', async () => {
    const { cluster, api } = core;
    const abort = new AbortController();
    const response = await api.handle({
      method: 'GET',
      path: '/api/v1/configmaps',
      query: new URLSearchParams({ watch: '1', resourceVersion: (await cluster.list(CONFIGMAPS)).resourceVersion }),
      headers: { accept: '', contentType: '', userAgent: 'slow' },
      body: undefined,
      signal: abort.signal,
    });
    for (let i = 0; i < 1200; i++)
      await cluster.patch(CONFIGMAPS, 'many', 'default', 'merge', { data: { i: `s${i}` } });
    let read = 0;
    for await (const _ of response.stream ?? []) read++;
    expect(read).toBe(1000);
    abort.abort();
  });
});
