import { expect, test } from 'vitest';
import { expand, pathRewrite, portRewrite } from '../../../src/local/agent/container/rewrite.ts';
import { blocksOf, divide } from '../../../src/local/agent/pod/addresses.ts';
import { restartAfter } from '../../../src/local/agent/pod/backoff.ts';
import { assignDevices } from '../../../src/local/agent/pod/devices.ts';
import { createRefusals } from '../../../src/local/agent/pod/refusals.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';

test('paths inside are rewritten where they stand as paths, and nowhere else', () => {
  const rewrite = pathRewrite(
    new Map([
      ['/models', '/data/v/models'],
      ['/models/cache', '/data/v/cache'],
      ['/opt/app/node', '/usr/bin/node'],
    ]),
  );
  expect(rewrite('--file=/models/a.onnx')).toBe('--file=/data/v/models/a.onnx');
  expect(rewrite('/opt/app/node')).toBe('/usr/bin/node');
  expect(rewrite('cat /models/cache/x >/models')).toBe('cat /data/v/cache/x >/data/v/models');
  expect(rewrite('/models2 /home/models /models.bak')).toBe('/models2 /home/models /models.bak');
});

test('ports are rewritten as whole numbers', () => {
  const rewrite = portRewrite(new Map([[8080, 41_000]]));
  expect(rewrite('--port=8080 http://127.0.0.1:8080/ 18080 8080.5 v8080')).toBe(
    '--port=41000 http://127.0.0.1:41000/ 18080 8080.5 v8080',
  );
});

test('$(NAME) is expanded as Kubernetes does', () => {
  const values = new Map([['A', 'one']]);
  expect(expand('$(A) $$(A) $(B) $A', values)).toBe('one $(A) $(B) $A');
});

test('the first restart is immediate, the next wait 10 s, 20 s, ... 300 s, and a long good run resets that', () => {
  const rule = { initialMs: 10_000, maxMs: 300_000 };
  let backoff = { ms: 0, at: 0 };
  const waits: number[] = [];
  for (let now = 1_000_000, i = 0; i < 8; i++) {
    const { waitMs } = restartAfter({ backoff, endedAt: now }, rule, now);
    waits.push(waitMs);
    now += waitMs;
    const next = restartAfter({ backoff, endedAt: now - waitMs }, rule, now);
    expect(next.waitMs).toBe(0);
    backoff = { ms: next.backoffMs, at: now };
  }
  expect(waits).toEqual([0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  const later = backoff.at + 600_001;
  expect(restartAfter({ backoff, endedAt: later }, rule, later)).toEqual({ waitMs: 0, backoffMs: 10_000 });
});

test('devices chosen by the scheduler stand unless somebody holds them', () => {
  const gpu = 'nvidia.com/gpu';
  const assign = (chosen: number[], held: number[]) =>
    assignDevices({ [gpu]: 1 }, { [gpu]: chosen }, { [gpu]: 4 }, [{ [gpu]: held }]);
  expect(assign([3], [0])).toEqual({ [gpu]: [3] });
  expect(assign([0], [0])).toEqual({ [gpu]: [1] });
  expect(assign([], [0, 1, 2, 3])).toContain('Requested: 1, Available: 0');
});

test('a range is as many blocks as it has, from where it begins', () => {
  expect(blocksOf('10.99.0.0/24')).toEqual(['10.99.0']);
  expect(blocksOf('10.99.3.7/23')).toEqual(['10.99.2', '10.99.3']);
  expect(blocksOf('200.255.255.0/23')).toEqual(['200.255.254', '200.255.255']);
  expect(blocksOf('10.0.0.0/8')).toHaveLength(64);
  expect(blocksOf('10.99.0.0/25')).toEqual([]);
});

test('each node has a block of its own, and keeps the one it had', () => {
  const cidr = '10.99.0.0/22';
  expect(divide(cidr, [undefined, undefined])).toEqual(['10.99.0', '10.99.1']);
  expect(divide(cidr, [undefined, '10.99.0', undefined])).toEqual(['10.99.1', '10.99.0', '10.99.2']);
  expect(divide(cidr, ['127.5.1', '10.98.0', '10.99.3'])).toEqual(['10.99.0', '10.99.1', '10.99.3']);
  expect(divide(cidr, ['10.99.2', '10.99.2'])).toEqual(['10.99.2', '10.99.0']);
  expect(divide('10.99.0.0/24', [undefined, undefined])).toEqual(['10.99.0', undefined]);
});

test('of an owner whose pods cannot run here the first is failed at once, the next after 10 s, 20 s … 5 min', () => {
  let now = 0;
  const refusals = createRefusals({ now: () => 0, monotonic: () => now, after: () => () => {} });
  const pod = (owner?: string): AgentPod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      ...(owner && {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
      }),
    },
    spec: { containers: [] },
  });
  const waits = Array.from({ length: 8 }, () => {
    const waitMs = refusals.next(pod('a')) - now;
    now += waitMs; // the next one is there as soon as this one has failed
    return waitMs / 1000;
  });
  expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  expect(refusals.next(pod('b'))).toBe(now);
  expect(refusals.next(pod())).toBe(now);
  now += 700_000;
  expect(refusals.next(pod('a'))).toBe(now);
});
