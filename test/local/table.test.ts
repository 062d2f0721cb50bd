import { describe, expect, test } from 'vitest';
import { compilePath } from '../../src/local/apiserver/jsonpath.ts';
import { BUILTIN_ROWS } from '../../src/local/apiserver/resources.ts';
import { humanDuration, shaped } from '../../src/local/apiserver/table.ts';
import type { ResourceRow } from '../../src/local/apiserver/types.ts';

test.each([
  [-5000, '<invalid>'],
  [-1500, '0s'],
  [0, '0s'],
  [119_000, '119s'],
  [130_000, '2m10s'],
  [180_000, '3m'],
  [3_600_000, '60m'],
  [179 * 60_000, '179m'],
  [3 * 3_600_000, '3h'],
  [3 * 3_600_000 + 60_000, '3h1m'],
  [47 * 3_600_000, '47h'],
  [4 * 86_400_000, '4d'],
  [4 * 86_400_000 + 3_600_000, '4d1h'],
  [100 * 86_400_000, '100d'],
  [800 * 86_400_000, '2y70d'],
  [3000 * 86_400_000, '8y'],
])('%d ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));

describe('JSONPath', () => {
  const object = {
    metadata: { labels: { 'clops.dev/x': 'y' } },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Paused', status: 'False' },
      ],
    },
    spec: { list: [{ a: 1 }, { a: 2 }] },
  };
  test.each<[string, unknown[]]>([
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [`.status.conditions[?(@.type!='Ready')].status`, ['False']],
    ['.metadata.labels.clops\\.dev/x', ['y']],
    [`.metadata.labels['clops.dev/x']`, ['y']],
    ['{.spec.list[*].a}', [1, 2]],
    ['.spec.list[-1].a', [2]],
    ['.spec.list[5].a', []],
    ['.spec.constructor.name', []],
  ])('%s', (path, values) => expect(compilePath(path)(object)).toEqual(values));

  test('what is not understood is refused', () => {
    expect(() => compilePath('.a[?(@.b.includes("x"))]')).toThrow('is not understood at');
  });
});

describe('pods', () => {
  const sidecar = { name: 'side', restartPolicy: 'Always' };
  const running = { running: { startedAt: 'x' } };
  const done = { terminated: { exitCode: 0, reason: 'Completed' } };
  const main = { name: 'main', ready: true, restartCount: 2, state: running };
  const row = (statuses: object[], more: object = {}): unknown[] => {
    const pod = {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p' },
      spec: { initContainers: [{ name: 'setup' }, sidecar], containers: [{ name: 'main' }] },
      status: { phase: 'Running', initContainerStatuses: statuses, containerStatuses: [main], ...more },
    };
    const shape = { form: 'table', includeObject: 'None', rows: BUILTIN_ROWS, now: 0 } as const;
    return (shaped(pod, shape) as { rows: { cells: unknown[] }[] }).rows[0]?.cells.slice(1, 4) ?? [];
  };
  const setup = { name: 'setup', restartCount: 5, state: done };
  const side = { name: 'side', restartCount: 3, state: running };

  test('a sidecar that has started counts as a container', () => {
    expect(row([setup, { ...side, started: true, ready: true }])).toEqual(['2/2', 'Running', '5']);
    expect(row([setup, { ...side, started: true, ready: false }])).toEqual(['1/2', 'Running', '5']);
  });

  test('until then the pod is being initialised', () => {
    const waiting = {
      phase: 'Pending',
      containerStatuses: [{ name: 'main', restartCount: 0, state: { waiting: {} } }],
    };
    expect(row([{ ...setup, state: running }, side], waiting)).toEqual(['0/2', 'Init:0/2', '5']);
    expect(row([setup, side], waiting)).toEqual(['0/2', 'Init:1/2', '8']);
    const crashed = { waiting: { reason: 'CrashLoopBackOff' } };
    expect(row([setup, { ...side, started: false, state: crashed }], waiting)).toEqual([
      '0/2',
      'Init:CrashLoopBackOff',
      '8',
    ]);
  });

  test('restarts of the steps before count until they are over, also when a sidecar is down later', () => {
    const crashed = { waiting: { reason: 'CrashLoopBackOff' } };
    const initialized = { conditions: [{ type: 'Initialized', status: 'True' }] };
    expect(row([setup, { ...side, started: false, state: crashed }], initialized)).toEqual([
      '1/2',
      'Init:CrashLoopBackOff',
      '5',
    ]);
  });
});

test('cells are of their column’s type', () => {
  const row: ResourceRow = {
    group: 'x.dev',
    version: 'v1',
    plural: 'things',
    kind: 'Thing',
    namespaced: true,
    singular: 'thing',
    listKind: 'ThingList',
    shortNames: [],
    categories: [],
    custom: true,
    subresources: { status: false },
    columns: [
      { name: 'Text', type: 'string', value: '.spec.object' },
      { name: 'Count', type: 'integer', value: '.spec.text' },
      { name: 'Since', type: 'date', value: '.spec.at' },
      { name: 'Bad', type: 'date', value: '.spec.text' },
      { name: 'Absent', type: 'string', value: '.spec.absent' },
    ],
  };
  const now = Date.parse('2026-01-01T00:01:00Z');
  const spec = { object: { a: 1 }, text: 'x', at: '2026-01-01T00:00:00Z' };
  const body = { kind: 'Thing', apiVersion: 'x.dev/v1', metadata: { name: 'a' }, spec };
  expect(shaped(body, { form: 'table', includeObject: 'None', rows: [row], now })).toMatchObject({
    rows: [{ cells: ['a', '{"a":1}', null, '60s', '<invalid>', null], object: null }],
  });
});
