import { describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '../../../src/contract/names.ts';
import { desiredSlices, portOn } from '../../../src/local/controllers/endpoints.ts';
import type { Pod } from '../../../src/local/kinds.ts';
import { aPod, aService, ready } from './builders.ts';

const containers = [{ name: 'main', ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9000 }] }];

function served(
  name: string,
  podIP: string,
  parts: { meta?: object; status?: Pod['status']; ports?: unknown } = {},
): Pod {
  const annotations =
    parts.ports === undefined ? {} : { annotations: { [ANNOTATIONS.ports]: JSON.stringify(parts.ports) } };
  return aPod(name, {
    meta: { ...annotations, ...parts.meta },
    spec: { nodeName: 'n1', containers },
    status: { ...ready(), podIP, ...parts.status },
  });
}

describe('portOn', () => {
  it.each([
    ['a name', { port: 80, targetPort: 'http' }, undefined, 8080],
    ['a number', { port: 80, targetPort: 8080 }, undefined, 8080],
    ['a number the pod does not declare', { port: 80, targetPort: 7000 }, undefined, 7000],
    ['no targetPort', { port: 80 }, undefined, 80],
    ['a name the pod does not have', { port: 80, targetPort: 'grpc' }, undefined, undefined],
    ['a name in another protocol', { port: 80, targetPort: 'http', protocol: 'UDP' }, undefined, undefined],
    ['a moved port by name', { port: 80, targetPort: 'http' }, { http: 43121 }, 43121],
    ['a moved port by number', { port: 80, targetPort: 8080 }, { http: 43121 }, 43121],
    ['a moved port without a name', { port: 90, targetPort: 9000 }, { 9000: 43122 }, 43122],
    ['an annotation that makes no sense', { port: 80, targetPort: 'http' }, { http: 'x' }, 8080],
  ])('%s', (_name, servicePort, ports, expected) => {
    expect(portOn(served('p', '10.0.0.1', { ports }), servicePort)).toBe(expected);
  });

  it('ignores an annotation that is no JSON', () => {
    const pod = served('p', '10.0.0.1', { meta: { annotations: { [ANNOTATIONS.ports]: '{' } } });
    expect(portOn(pod, { port: 80, targetPort: 'http' })).toBe(8080);
  });
});

describe('desiredSlices', () => {
  const service = aService('web');

  it('puts all pods with the same ports into one slice', () => {
    const slices = desiredSlices(service, [served('b', '10.0.0.2'), served('a', '10.0.0.1')]);
    expect(slices).toEqual([
      {
        addressType: 'IPv4',
        part: 0,
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
        endpoints: [
          {
            addresses: ['10.0.0.1'],
            conditions: { ready: true, serving: true, terminating: false },
            nodeName: 'n1',
            targetRef: { kind: 'Pod', namespace: 'default', name: 'a', uid: 'uid-a' },
          },
          expect.objectContaining({ addresses: ['10.0.0.2'] }),
        ],
      },
    ]);
  });

  it('tells pods on one address apart by a slice for each set of ports', () => {
    const slices = desiredSlices(service, [
      served('a', '127.0.0.1', { ports: { http: 43121 } }),
      served('b', '127.0.0.1', { ports: { http: 43122 } }),
    ]);
    expect(slices.map(({ ports, endpoints }) => [ports[0]?.port, endpoints.map((one) => one.targetRef.name)])).toEqual([
      [43121, ['a']],
      [43122, ['b']],
    ]);
  });

  const gone = { deletionTimestamp: '2026-01-01T00:00:30Z' };
  const unready = { conditions: [{ type: 'Ready', status: 'False' as const }] };
  it.each([
    ['ready', {}, { ready: true, serving: true, terminating: false }],
    ['not ready', { status: unready }, { ready: false, serving: false, terminating: false }],
    ['terminating', { meta: gone }, { ready: false, serving: true, terminating: true }],
    ['terminating and not ready', { meta: gone, status: unready }, { ready: false, serving: false, terminating: true }],
  ])('says %s', (_name, parts, conditions) => {
    expect(desiredSlices(service, [served('a', '10.0.0.1', parts)])[0]?.endpoints[0]?.conditions).toEqual(conditions);
  });

  it('publishes what is not ready when the Service asks for it', () => {
    const eager = aService('web', { publishNotReadyAddresses: true });
    const [slice] = desiredSlices(eager, [served('a', '10.0.0.1', { status: unready })]);
    expect(slice?.endpoints[0]?.conditions).toEqual({ ready: true, serving: false, terminating: false });
  });

  it('has one empty slice without pods, without addresses and with finished pods', () => {
    const empty = [{ addressType: 'IPv4', ports: [], endpoints: [], part: 0 }];
    expect(desiredSlices(service, [])).toEqual(empty);
    expect(desiredSlices(service, [served('a', ''), served('b', '10.0.0.1', { status: { phase: 'Failed' } })])).toEqual(
      empty,
    );
  });

  it('cuts at a thousand endpoints', () => {
    const pods = Array.from({ length: 1001 }, (_, index) => served(`p${index}`, `10.0.${index >> 8}.${index & 255}`));
    expect(desiredSlices(service, pods).map(({ part, endpoints }) => [part, endpoints.length])).toEqual([
      [0, 1000],
      [1, 1],
    ]);
  });
});
