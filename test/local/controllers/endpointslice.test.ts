import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointSlice, Pod } from '../../../src/local/kinds.ts';
import {
  ENDPOINTSLICES,
  NAMESPACES,
  PODS,
  SERVICEACCOUNTS,
  SERVICES,
} from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { aPod, aService } from './builders.ts';
import { setReady, startTestControllers, type TestControllers } from './harness.ts';

const containers = [{ name: 'main', image: 'a:1', ports: [{ name: 'http', containerPort: 8080 }] }];
const webPod = (name: string) =>
  aPod(name, { meta: { uid: undefined, labels: { app: 'web' } }, spec: { nodeName: 'n1', containers } });

describe('the EndpointSlices of a Service', () => {
  let controllers: TestControllers;
  beforeEach(async () => {
    controllers = await startTestControllers();
  });
  afterEach(() => controllers.close());

  const slices = async () =>
    (
      await controllers.cluster.list<EndpointSlice>(ENDPOINTSLICES, {
        namespace: 'default',
        labelSelector: 'kubernetes.io/service-name=web',
      })
    ).items;
  /** `address:port ready|…` of every endpoint. */
  const endpoints = async () =>
    (await slices())
      .flatMap(({ ports, endpoints }) =>
        (endpoints ?? []).map(({ addresses, conditions }) => {
          const words = Object.entries(conditions).filter(([, value]) => value === true);
          return `${addresses[0]}:${ports?.[0]?.port} ${words.map(([word]) => word).join('+')}`;
        }),
      )
      .sort();

  async function runPod(name: string, podIP: string): Promise<Pod> {
    const pod = await controllers.cluster.create(PODS, webPod(name));
    await setReady(controllers.cluster, pod, true, podIP);
    return pod;
  }

  it('follow its pods from not ready to gone', async () => {
    const service = await controllers.cluster.create(SERVICES, aService('web'));
    await eventually(async () => expect((await slices()).map((slice) => slice.endpoints ?? [])).toEqual([[]]));
    const pod = await runPod('a', '10.0.0.1');
    await eventually(async () => expect(await endpoints()).toEqual(['10.0.0.1:8080 ready+serving']));
    const [slice] = await slices();
    expect(slice).toMatchObject({
      metadata: {
        labels: {
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Service', name: 'web', uid: service.metadata.uid, controller: true }],
      },
      addressType: 'IPv4',
      endpoints: [
        { nodeName: 'n1', targetRef: { kind: 'Pod', name: 'a', namespace: 'default', uid: pod.metadata.uid } },
      ],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    });
    await setReady(controllers.cluster, pod, false);
    await eventually(async () => expect(await endpoints()).toEqual(['10.0.0.1:8080 ']));
    await setReady(controllers.cluster, pod, true);
    await controllers.cluster.delete(PODS, 'a', 'default');
    await eventually(async () => expect(await endpoints()).toEqual(['10.0.0.1:8080 serving+terminating']));
    await controllers.cluster.delete(PODS, 'a', 'default', { gracePeriodSeconds: 0 });
    await eventually(async () => expect(await endpoints()).toEqual([]));
  });

  it('are one for each set of ports, and only as many as are needed', async () => {
    await controllers.cluster.create(SERVICES, aService('web'));
    for (const [name, port] of [
      ['a', 43121],
      ['b', 43122],
    ] as const) {
      await runPod(name, '127.0.0.1');
      const annotations = { 'clops.dev/ports': JSON.stringify({ http: port }) };
      await controllers.cluster.patch(PODS, name, 'default', 'merge', { metadata: { annotations } });
    }
    await eventually(async () => {
      expect(await endpoints()).toEqual(['127.0.0.1:43121 ready+serving', '127.0.0.1:43122 ready+serving']);
      expect(await slices()).toHaveLength(2);
    });
    await controllers.cluster.delete(PODS, 'a', 'default', { gracePeriodSeconds: 0 });
    await eventually(async () => {
      expect(await endpoints()).toEqual(['127.0.0.1:43122 ready+serving']);
      expect(await slices()).toHaveLength(1);
    });
  });

  it('follow the selector, and leave the slices of others alone', async () => {
    await runPod('a', '10.0.0.1');
    await controllers.cluster.create(SERVICES, aService('web', { selector: { app: 'other' } }));
    const foreign = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-by-hand', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.9.9.9'], conditions: { ready: true } }],
      ports: [{ name: 'http', port: 1, protocol: 'TCP' }],
    };
    await controllers.cluster.create(ENDPOINTSLICES, foreign);
    await eventually(async () => expect(await endpoints()).toEqual(['10.9.9.9:1 ready']));
    await controllers.cluster.patch(SERVICES, 'web', 'default', 'merge', { spec: { selector: { app: 'web' } } });
    await eventually(async () =>
      expect(await endpoints()).toEqual(['10.0.0.1:8080 ready+serving', '10.9.9.9:1 ready']),
    );
  });

  it('come back when somebody deletes them, and go with the Service', async () => {
    await controllers.cluster.create(SERVICES, aService('web'));
    await runPod('a', '10.0.0.1');
    await eventually(async () => expect(await endpoints()).toHaveLength(1));
    const [slice] = await slices();
    await controllers.cluster.delete(ENDPOINTSLICES, slice?.metadata.name ?? '', 'default');
    await eventually(async () => {
      const [again] = await slices();
      expect(again?.metadata.uid).not.toBe(slice?.metadata.uid);
      expect(await endpoints()).toHaveLength(1);
    });
    await controllers.cluster.delete(SERVICES, 'web', 'default');
    await eventually(async () => expect(await slices()).toEqual([]));
  });
});

it('gives every namespace its default ServiceAccount, also when it is deleted', async () => {
  const { cluster, close } = await startTestControllers();
  try {
    await cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team-a' } });
    for (const namespace of ['default', 'team-a']) {
      await eventually(() => cluster.get(SERVICEACCOUNTS, 'default', namespace));
    }
    const before = await cluster.get(SERVICEACCOUNTS, 'default', 'team-a');
    await cluster.delete(SERVICEACCOUNTS, 'default', 'team-a');
    await eventually(async () => {
      const after = await cluster.get(SERVICEACCOUNTS, 'default', 'team-a');
      expect(after.metadata.uid).not.toBe(before.metadata.uid);
    });
  } finally {
    await close();
  }
});
