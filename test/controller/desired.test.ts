/** What the children look like, and what a pod's last words are. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { hashOf } from '../../src/contract/revision.ts';
import type { ServingRuntime } from '../../src/contract/servingruntime.ts';
import { isContained, takenOf } from '../../src/controller/apply.ts';
import { desiredDeployment } from '../../src/controller/desired/deployment.ts';
import { snapshotOf } from '../../src/controller/desired/revision.ts';
import { desiredRoute, desiredService, withGateway } from '../../src/controller/desired/routing.ts';
import { artifactOf, failureOf } from '../../src/controller/failure.ts';
import type { Pod, Snapshot } from '../../src/controller/kinds.ts';
import { isShareWithin, judgeTraffic, requestsNeeded } from '../../src/controller/rollout/share.ts';
import { weightAt } from '../../src/controller/rollout/steps.ts';
import { mergeDiff } from '../../src/controller/status.ts';
import { aModelDeployment, digestOf } from './lab.ts';

let runtime: ServingRuntime;
beforeAll(async () => {
  runtime = parse(await readFile('deploy/runtimes/onnx.yaml', 'utf8')) as ServingRuntime;
});

const owner = (given = {}) => {
  const md = aModelDeployment(6, given);
  return { ...md, metadata: { ...md.metadata, uid: 'u-1' } };
};

interface PodSpec {
  initContainers: { args: string[]; volumeMounts: object[]; resources?: object }[];
  containers: { args: string[]; resources: object; readinessProbe: object }[];
  [field: string]: unknown;
}

function podOf(given = {}, of: Partial<ServingRuntime['spec']> = {}): PodSpec {
  const md = owner(given);
  const snapshot = snapshotOf(md.spec, { ...runtime, spec: { ...runtime.spec, ...of } });
  const input = { owner: md, hash: 'abc', snapshot, replicas: 3 };
  const { template } = desiredDeployment(input).spec as { template: { spec: PodSpec } };
  return template.spec;
}

describe('a Deployment', () => {
  it('passes what its runtime says of security on to the pod, and keeps the last words of each container', () => {
    const pod = podOf();
    expect(pod['securityContext']).toEqual(runtime.spec.podSecurityContext);
    expect(runtime.spec.podSecurityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const container of [...pod.initContainers, ...pod.containers]) {
      expect(container).toMatchObject({
        terminationMessagePolicy: 'FallbackToLogsOnError',
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      });
    }
  });

  it('fetches and verifies, then serves, with all placeholders filled', () => {
    const pod = podOf();
    expect(pod['automountServiceAccountToken']).toBe(false);
    expect(pod['terminationGracePeriodSeconds']).toBe(30);
    const uri = `http://127.0.0.1:1/artifacts/${digestOf(6)}`;
    expect(pod.initContainers[0]?.args).toEqual([
      `--url=${uri}`,
      `--digest=${digestOf(6)}`,
      '--path=/models/model.onnx',
    ]);
    expect(pod.containers[0]?.args).toEqual([
      '--model=vad',
      '--version=6',
      '--file=/models/model.onnx',
      `--digest=${digestOf(6)}`,
      '--port=8080',
      '--host=$(POD_IP)',
    ]);
    expect(pod.containers[0]?.readinessProbe).toMatchObject({ httpGet: { path: '/v2/models/vad/versions/6/ready' } });
    expect(pod.containers[0]?.resources).toEqual({ requests: { cpu: '250m', memory: '256Mi' } });
    expect(JSON.stringify(pod)).not.toContain('{{');
  });

  it('asks for its fetching what it asks for its serving, but of no revision that was made without', () => {
    const md = owner({ resources: { requests: { cpu: '2' }, gpus: { count: 1 } } });
    const snapshot = snapshotOf(md.spec, runtime);
    const stepOf = (given: Snapshot): object | undefined => {
      const input = { owner: md, hash: 'abc', snapshot: given, replicas: 1 };
      return (desiredDeployment(input).spec as { template: { spec: PodSpec } }).template.spec.initContainers[0];
    };
    expect(stepOf(snapshot)).toMatchObject({ resources: { requests: { cpu: '2', memory: '256Mi' } } });
    expect(JSON.stringify(stepOf(snapshot))).not.toContain('nvidia.com');
    const before = { ...snapshot, runtime: { ...snapshot.runtime, fetch: runtime.spec.fetch } };
    expect(stepOf(before)).not.toHaveProperty('resources');
  });

  it('is the same revision with an empty map as without', () => {
    const [none, empty] = [owner(), owner({ resources: {}, placement: {} })];
    expect(snapshotOf(empty.spec, runtime)).toEqual(snapshotOf(none.spec, runtime));
    expect(hashOf(empty.spec)).toBe(hashOf(none.spec));
  });

  it('keeps a signed URL out of the pod: it is a file of the Secret', () => {
    const { model } = aModelDeployment(6).spec;
    const artifact = { ...model.artifact, secretName: 'vad-artifact' };
    const pod = podOf({ model: { ...model, artifact } });
    expect(JSON.stringify(pod)).not.toContain(artifact.uri);
    expect(pod.initContainers[0]?.args[0]).toBe('--url-file=/var/run/clops/artifact/url');
    expect(pod['volumes']).toContainEqual({ name: 'artifact-url', secret: { secretName: 'vad-artifact' } });
  });

  it('asks for GPUs as limits and requests, on nodes of their product', () => {
    const pod = podOf({ resources: { gpus: { count: 2, product: 'NVIDIA-H200' } } });
    expect(pod.containers[0]?.resources).toMatchObject({
      requests: { 'nvidia.com/gpu': '2' },
      limits: { 'nvidia.com/gpu': '2' },
    });
    expect(pod['nodeSelector']).toEqual({ 'nvidia.com/gpu.product': 'NVIDIA-H200' });
    expect(pod['affinity']).toBeUndefined();
  });

  it('goes where its runtime’s image is, under what it says itself', () => {
    const tolerations = [{ key: 'clops.dev/local', operator: 'Exists', effect: 'NoSchedule' }];
    const placement = { nodeSelector: { 'clops.dev/local': 'true', zone: 'a' }, tolerations };
    expect(podOf({}, { placement })).toMatchObject({ nodeSelector: placement.nodeSelector, tolerations });
    const own = { nodeSelector: { zone: 'b' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] };
    const pod = podOf({ placement: own }, { placement });
    expect(pod['nodeSelector']).toEqual({ 'clops.dev/local': 'true', zone: 'b' });
    expect(pod['tolerations']).toEqual([...tolerations, ...own.tolerations]);
    expect(Object.keys(podOf())).not.toContain('tolerations');
    expect(snapshotOf(owner().spec, runtime).runtime).not.toHaveProperty('placement');
  });

  it('asks for GPUs with enough memory', () => {
    const { affinity } = podOf({ resources: { gpus: { count: 1, memoryMib: 80_000 } } });
    const enough = { key: 'nvidia.com/gpu.memory', operator: 'Gt', values: ['79999'] };
    const required = { nodeSelectorTerms: [{ matchExpressions: [enough] }] };
    expect(affinity).toEqual({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } });
  });
});

it('a revision is its template: replicas, strategy and the place of the bytes are not part of it', () => {
  const { spec } = aModelDeployment(6);
  const artifact = { ...spec.model.artifact, uri: 'https://elsewhere/x', secretName: 's' };
  expect(hashOf({ ...spec, ...{ replicas: 9, strategy: { rolling: {} } }, model: { ...spec.model, artifact } })).toBe(
    hashOf(spec),
  );
  expect(hashOf(aModelDeployment(7).spec)).not.toBe(hashOf(spec));
  expect(hashOf({ ...spec, resources: { requests: { cpu: '1' } } })).not.toBe(hashOf(spec));
});

it('the route divides between two Services and takes the prefix away', () => {
  expect(
    desiredRoute(withGateway(owner(), { namespace: 'clops-system', name: 'clops' }), { stable: 90, canary: 10 }),
  ).toMatchObject({
    metadata: { name: 'vad', namespace: 'speech', ownerReferences: [{ uid: 'u-1', controller: true }] },
    spec: {
      parentRefs: [{ name: 'clops', namespace: 'clops-system' }],
      rules: [
        {
          name: 'clops',
          matches: [{ path: { type: 'PathPrefix', value: '/speech/vad' } }],
          filters: [{ urlRewrite: { path: { replacePrefixMatch: '/' } } }],
          backendRefs: [
            { name: 'vad-stable', port: 80, weight: 90 },
            { name: 'vad-canary', port: 80, weight: 10 },
          ],
        },
      ],
    },
  });
  expect(desiredService(owner(), 'canary', 'abc')['spec']).toMatchObject({
    selector: { 'clops.dev/deployment': 'vad', 'clops.dev/revision': 'abc' },
    ports: [{ targetPort: 'http' }],
  });
});

describe('arithmetic', () => {
  it.each([
    [0, 10],
    [1, 10],
    [2, 50],
    [3, 50],
    [4, 100],
  ])('at step %i the weight is %i', (index, weight) => {
    expect(weightAt([{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }], index)).toBe(weight);
  });
  it('before the first setWeight it is 0', () => expect(weightAt([{ pause: {} }, { setWeight: 5 }], 0)).toBe(0));

  it.each([
    [10, 90, 10, true],
    [10, 880, 120, true],
    [10, 500, 500, false],
    [50, 450, 550, true],
    [50, 400, 600, false],
    [0, 1000, 0, true],
    [0, 999, 1, false],
    [100, 0, 1000, true],
    [100, 1, 999, false],
  ])('at %i %%: %i to %i is within: %s', (weight, stable, canary, within) => {
    expect(isShareWithin(weight, { stable, canary })).toBe(within);
  });

  it('needs more requests for a small share, and says so when there are too few', () => {
    expect([requestsNeeded(50), requestsNeeded(10), requestsNeeded(1)]).toEqual([10, 50, 500]);
    const weights = { stable: 90, canary: 10 };
    const few = { stable: 40, canary: 0 };
    expect(judgeTraffic(weights, true, { programmedForMs: 100, requests: few })).toMatchObject({ proceed: false });
    expect(judgeTraffic(weights, true, { programmedForMs: 5000, requests: few })).toMatchObject({
      status: 'Unknown',
      reason: 'TooFewRequests',
      proceed: true,
    });
    const table = { stable: 100, canary: 0 };
    expect(judgeTraffic(weights, true, { programmedForMs: 5000, table })).toMatchObject({
      reason: 'GatewayBehind',
      proceed: false,
    });
  });
});

describe('last words', () => {
  const pod = (status: Pod['status']): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [] },
    ...(status && { status }),
  });
  it('of a pod that starts there are none', () => {
    const waiting = { reason: 'PodInitializing' };
    expect(failureOf(pod({ containerStatuses: [{ name: 'server', state: { waiting } }] }))).toBeUndefined();
  });
  it('of a pod that is back on its feet there are none', () => {
    const lastState = { terminated: { exitCode: 1, message: 'old' } };
    expect(
      failureOf(
        pod({
          containerStatuses: [{ name: 'server', ready: true, restartCount: 1, state: { running: {} }, lastState }],
        }),
      ),
    ).toBeUndefined();
  });
  it('of an image that cannot be pulled are the kubelet’s', () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"' };
    expect(failureOf(pod({ containerStatuses: [{ name: 'server', state: { waiting } }] }))).toEqual(waiting);
  });
  it('of a pod whose node has gone silent are the node’s', () => {
    const said = (status: string, reason?: string) => ({ type: 'Ready', status, ...(reason && { reason }) });
    const containers = { type: 'ContainersReady', status: 'True' };
    const failure = failureOf({
      ...pod({ conditions: [said('False'), containers] }),
      spec: { nodeName: 'gpu-1', containers: [] },
    });
    expect(failure).toMatchObject({
      reason: 'NodeSilent',
      message: expect.stringMatching(/^Node gpu-1 has gone silent/),
    });
    expect(failureOf(pod({ conditions: [said('True'), containers] }))).toBeUndefined();
    expect(failureOf(pod({ conditions: [said('False', 'ReadinessGatesNotReady'), containers] }))).toBeUndefined();
  });
  it('of the fetch step tell of the artifact', () => {
    const terminated = { exitCode: 1, message: 'the digest differs' };
    const between = pod({
      initContainerStatuses: [
        { name: 'fetch', state: { waiting: { reason: 'PodInitializing' } }, lastState: { terminated } },
      ],
    });
    expect(artifactOf(between)).toBe('Refused');
    expect(failureOf(between)?.message).toBe('the digest differs');
  });
});

it('a patch says only what changes', () => {
  expect(mergeDiff({ a: 1, b: { c: 1, d: 2 }, e: [1] }, { a: 1, b: { c: 2 }, e: [1, 2] })).toEqual({
    b: { c: 2, d: null },
    e: [1, 2],
  });
  expect(mergeDiff({ a: { b: [1] } }, { a: { b: [1] } })).toBeUndefined();
  expect(mergeDiff({ a: [{ b: 1, c: 2 }] }, { a: [{ c: 2, b: 1 }] })).toBeUndefined();
});

it('what the server added is no difference, what is missing is', () => {
  expect(isContained({ a: [{ b: 1 }] }, { a: [{ b: 1, x: 2 }], y: 3 })).toBe(true);
  expect(isContained({ a: [{ b: 1 }] }, { a: [{ b: 1 }, { b: 2 }] })).toBe(false);
  expect(isContained({ a: { b: 1 } }, { a: {} })).toBe(false);
  // One key more, and a Service selects nobody and a pod finds no node.
  for (const name of ['selector', 'nodeSelector']) {
    expect(isContained({ [name]: { b: '1', c: '2' } }, { [name]: { c: '2', b: '1' } })).toBe(true);
    expect(isContained({ [name]: { b: '1' } }, { [name]: { b: '1', app: 'x' } })).toBe(false);
    // A webhook that adds one at each write is answered once, and not again at every look.
    const answer = { [name]: { b: '1', pool: 'x' }, more: 1 };
    expect(isContained(takenOf({ [name]: { b: '1' } }, answer), answer)).toBe(true);
    expect(isContained(takenOf({ [name]: { b: '1' } }, answer), { [name]: { b: '1', app: 'x' } })).toBe(false);
  }
});
