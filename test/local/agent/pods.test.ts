import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Probe } from '../../../src/local/agent/types.ts';
import { CONFIGMAPS, PODS, SECRETS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { condition, type Lab, processesUnder, SERVER, startLab, statusOf } from './lab.ts';

const sh = (script: string): { command: string[] } => ({ command: ['/bin/sh', '-c', script] });
let lab: Lab;

beforeAll(async () => {
  lab = await startLab({
    images: { app: { command: ['/app/node'], files: { '/app/node': process.execPath } } },
    backoff: { initialMs: 1_000, maxMs: 300_000 },
  });
});
afterAll(() => lab.close());

test('runs init containers in order, then the container, to the end', async () => {
  const mount = { volumeMounts: [{ name: 'work', mountPath: '/scratch' }] };
  const step = (name: string) => ({ name, image: 'test', ...sh(`echo ${name} >> /scratch/steps`), ...mount });
  await lab.create(
    'job',
    { ...sh('cat /scratch/steps; echo done >&2'), ...mount },
    {
      restartPolicy: 'Never',
      initContainers: [step('one'), step('two')],
      volumes: [{ name: 'work', emptyDir: {} }],
    },
  );
  const pod = await lab.until('job', (pod) => expect(pod.status?.phase).toBe('Succeeded'));
  expect(statusOf(pod).state.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  expect(statusOf(pod, 'two').ready).toBe(true);
  expect(condition(pod, 'Initialized')).toBe('True');
  expect(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('PodCompleted');
  expect(pod.status?.podIP).toMatch(/^127\./);
});

test('gives environment by value, field, ConfigMap and Secret, and waits for what is missing', async () => {
  await lab.core.cluster.create(CONFIGMAPS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { color: 'blue', 'file.txt': 'first' },
  });
  const key = (kind: string, name: string, key: string) => ({ valueFrom: { [kind]: { name, key } } });
  await lab.create(
    'env',
    {
      ...sh('env; cat /etc/settings/file.txt; echo "args $0 $1"; exec sleep 100'),
      args: ['$(COLOR)', '$$(COLOR)'],
      env: [
        { name: 'COLOR', ...key('configMapKeyRef', 'settings', 'color') },
        { name: 'PASSWORD', ...key('secretKeyRef', 'late', 'password') },
        { name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'BOTH', value: '$(WHO) is $(COLOR) and $(UNKNOWN)' },
      ],
      volumeMounts: [{ name: 'settings', mountPath: '/etc/settings' }],
    },
    { volumes: [{ name: 'settings', configMap: { name: 'settings' } }] },
  );
  const waiting = await lab.until('env', (pod) =>
    expect(statusOf(pod).state.waiting?.reason).toBe('CreateContainerConfigError'),
  );
  expect(statusOf(waiting).state.waiting?.message).toBe('secret "late" not found');
  expect(waiting.status?.phase).toBe('Pending');
  expect((await lab.events('env')).join()).not.toContain('FailedMount'); // asked about is not absent
  await lab.core.cluster.create(SECRETS, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'late', namespace: 'default' },
    data: { password: Buffer.from('s3cret').toString('base64') },
  });
  const pod = await lab.until('env', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  const log = await logOf(pod.metadata.uid as string, 'args ');
  expect(log).toContain('COLOR=blue\n');
  expect(log).toContain('PASSWORD=s3cret\n');
  expect(log).toContain(`ADDRESS=${pod.status?.podIP}\n`);
  expect(log).toContain('BOTH=env is blue and $(UNKNOWN)\n');
  expect(log).toContain('first');
  expect(log).toContain('args blue $(COLOR)');
  expect(log).not.toContain('npm_'); // nothing of the agent's own environment
});

test('passes variables on whatever their names, and leaves no value among a process’s arguments', async () => {
  const env = [
    { name: 'tls.crt', value: `it's "$HOME"` },
    { name: "an-odd'name", value: 'odd' },
  ];
  const script = `console.log(JSON.stringify(process.env)); setInterval(() => {}, 1000)`;
  const pod = await lab.create('odd', { image: 'app', args: ['-e', script], env });
  await lab.until('odd', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  const printed = JSON.parse(await logOf(pod.metadata.uid as string, `odd"`)) as Record<string, string>;
  expect(printed).toMatchObject({ 'tls.crt': `it's "$HOME"`, "an-odd'name": 'odd' });
  expect(Object.keys(printed).filter((name) => name.startsWith('CLOPS_'))).toEqual(['CLOPS_CONTAINER']);
  for (const pid of processesUnder(join(lab.core.dataDir, 'node/gpu-1/pods', pod.metadata.uid as string)))
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(`it's`);
});

test('refuses in words what it cannot run', async () => {
  await lab.create('nocommand', { image: 'unknown:1' });
  const pod = await lab.until('nocommand', (pod) =>
    expect(statusOf(pod).state.waiting?.reason).toBe('ErrImageNeverPull'),
  );
  expect(statusOf(pod).state.waiting?.message).toContain('CLOPS_LOCAL_CONFIG');
  await lab.create('hostpath', sh('true'), { volumes: [{ name: 'x', hostPath: { path: '/' } }] });
  const refused = await lab.until('hostpath', (pod) => expect(pod.status?.phase).toBe('Failed'));
  expect(refused.status?.message).toBe(
    'volume "x": hostPath is not served on this node, only emptyDir, configMap and secret',
  );
});

test('names a working directory that is not there, and makes a subPath that is not', async () => {
  await lab.create('nowhere', { ...sh('true'), workingDir: '/no/such/place' }, { restartPolicy: 'Never' });
  const pod = await lab.until('nowhere', (pod) => expect(pod.status?.phase).toBe('Failed'));
  expect(statusOf(pod).state.terminated).toMatchObject({
    reason: 'StartError',
    message: 'failed to start: working directory /no/such/place does not exist on this machine',
  });
  await lab.create(
    'part',
    { ...sh('echo kept > /part/file'), volumeMounts: [{ name: 'work', mountPath: '/part', subPath: 'a/b' }] },
    { restartPolicy: 'Never', volumes: [{ name: 'work', emptyDir: {} }] },
  );
  await lab.until('part', (pod) => expect(pod.status?.phase).toBe('Succeeded'));
});

test('restarts what crashes, later each time, and shows its last words', async () => {
  await lab.create('crash', sh('echo about to fail; exit 3'));
  const pod = await lab.until('crash', (pod) => expect(statusOf(pod).state.waiting?.reason).toBe('CrashLoopBackOff'));
  const status = statusOf(pod);
  expect(status.state.waiting?.message).toBe(
    `back-off 1s restarting failed container=main pod=crash_default(${pod.metadata.uid})`,
  );
  expect(status.lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error', message: 'about to fail' });
  expect(status.restartCount).toBe(1);
  expect(pod.status?.phase).toBe('Running');
  expect(condition(pod, 'Ready')).toBe('False');
  await lab.until('crash', (pod) => expect(statusOf(pod).restartCount).toBe(2));
  await eventually(async () =>
    expect(await lab.events('crash')).toContain(
      `Warning BackOff Back-off restarting failed container main in pod crash_default(${pod.metadata.uid})`,
    ),
  );
});

test('tells a signal from an exit', async () => {
  await lab.create('killed', sh('kill -9 $$$$'), { restartPolicy: 'Never' });
  const pod = await lab.until('killed', (pod) => expect(pod.status?.phase).toBe('Failed'));
  expect(statusOf(pod).state.terminated).toMatchObject({ exitCode: 137, signal: 9, reason: 'Error' });
});

test('is ready when its probe says so, and restarts what is no longer alive', async () => {
  const flags = join(lab.core.dataDir, 'flags');
  await mkdir(flags);
  await lab.create('probed', {
    image: 'app',
    args: ['-e', SERVER, '$(IP)', '8080', join(flags, 'ready')],
    env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
    ports: [{ name: 'http', containerPort: 8080 }],
    startupProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1, failureThreshold: 30 },
    readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
    livenessProbe: {
      exec: { command: ['/bin/sh', '-c', `! test -e ${flags}/dead`] },
      periodSeconds: 1,
      failureThreshold: 1,
    },
  });
  await lab.until('probed', (pod) => expect(statusOf(pod)).toMatchObject({ started: true, ready: false }));
  await eventually(async () =>
    expect(await lab.events('probed')).toContainEqual(
      'Warning Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 503',
    ),
  );
  await writeFile(join(flags, 'ready'), '');
  const ready = await lab.until('probed', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  const answer = await fetch(`http://${ready.status?.podIP}:8080/`);
  expect(await answer.text()).toBe(`hello from ${ready.status?.podIP}`);
  await writeFile(join(flags, 'dead'), '');
  const restarted = await lab.until('probed', (pod) => expect(statusOf(pod).restartCount).toBeGreaterThan(0));
  expect(statusOf(restarted).lastState.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  await lab.core.cluster.delete(PODS, 'probed', 'default');
  await lab.isGone('probed');
  expect(await lab.events('probed')).toContain(
    'Normal Killing Container main failed liveness probe, will be restarted',
  );
});

test('a probe that cannot be asked at all counts for nothing', async () => {
  const probes = {
    command: [{ exec: { command: ['/no/such/program'] } }, 'spawn /no/such/program ENOENT'],
    http: [{ httpGet: { port: 'nope' } }, `couldn't find port: nope`],
    tcp: [{ tcpSocket: { port: 'nope' } }, `couldn't find port: nope`],
    grpc: [{ grpc: { port: 1 } }, 'only httpGet, tcpSocket and exec are served on this node'],
  } as const;
  for (const [name, [action]] of Object.entries(probes)) {
    const livenessProbe = { ...action, periodSeconds: 1, failureThreshold: 1 } as Probe;
    await lab.create(`unasked-${name}`, { ...sh('exec sleep 100'), livenessProbe });
  }
  for (const [name, [, why]] of Object.entries(probes)) {
    const event = `Warning Unhealthy Liveness probe errored, which does not count: ${why}`;
    await eventually(async () => expect(await lab.events(`unasked-${name}`)).toContain(event));
    expect(statusOf(await lab.get(`unasked-${name}`))).toMatchObject({ restartCount: 0, state: { running: {} } });
  }
});

test('ends a pod: preStop, SIGTERM, not ready at once, SIGKILL after the grace period, no process left', async () => {
  const file = join(lab.core.dataDir, 'order');
  await lab.create('stubborn', {
    ...sh(`trap 'echo term >> ${file}' TERM; (setsid sleep 300 &) ; while :; do sleep 0.1; done`),
    lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', `echo prestop >> ${file}`] } } },
  });
  const pod = await lab.until('stubborn', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  const home = join(lab.core.dataDir, 'node', 'gpu-1', 'pods', pod.metadata.uid as string);
  await eventually(() => expect(processesUnder(home).length).toBeGreaterThan(1)); // Ready is before its shell has begun
  await lab.core.cluster.delete(PODS, 'stubborn', 'default', { gracePeriodSeconds: 6 });
  await lab.until('stubborn', (pod) => expect(condition(pod, 'Ready')).toBe('False'), 5000);
  await lab.isGone('stubborn');
  await eventually(() => expect(processesUnder(home)).toEqual([]));
  expect(await readFile(file, 'utf8')).toBe('prestop\nterm\n');
});

test('tells a program to end before it is killed, also when its preStop takes all the time there is', async () => {
  const file = join(lab.core.dataDir, 'told');
  const script = `trap 'echo told > ${file}; exit' TERM; while :; do sleep 0.1; done`;
  const preStop = { exec: { command: ['/bin/sleep', '60'] } };
  await lab.create('slow-hook', { ...sh(script), lifecycle: { preStop } });
  await lab.until('slow-hook', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  await lab.core.cluster.delete(PODS, 'slow-hook', 'default', { gracePeriodSeconds: 1 });
  await lab.isGone('slow-hook');
  expect(await readFile(file, 'utf8')).toBe('told\n');
});

test('tells a program to end before it is killed, also when it has no time for it', async () => {
  const livenessProbe = { exec: { command: ['/bin/sh', '-c', 'false'] }, periodSeconds: 1, failureThreshold: 1 };
  const spec = { terminationGracePeriodSeconds: 0, restartPolicy: 'Never' };
  await lab.create('hasty', { ...sh(`trap 'exit 7' TERM; while :; do sleep 0.1; done`), livenessProbe }, spec);
  const pod = await lab.until('hasty', (pod) => expect(pod.status?.phase).toBe('Failed'));
  expect(statusOf(pod).state.terminated?.exitCode).toBe(7);
});

test('a container that is being ended is ready only as long as it says so', async () => {
  const [ready, dead] = [join(lab.core.dataDir, 'still-ready'), join(lab.core.dataDir, 'is-dead')];
  await writeFile(ready, '');
  const probe = (script: string) => ({ exec: sh(script), periodSeconds: 1, failureThreshold: 1 });
  await lab.create(
    'lingering',
    {
      ...sh(`trap '' TERM; while :; do sleep 0.1; done`),
      readinessProbe: probe(`test -e ${ready}`),
      livenessProbe: probe(`! test -e ${dead}`),
    },
    { terminationGracePeriodSeconds: 60 },
  );
  await lab.until('lingering', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  await writeFile(dead, '');
  await eventually(async () =>
    expect((await lab.events('lingering')).join()).toContain('failed liveness probe, will be restarted'),
  );
  await rm(ready);
  const pod = await lab.until('lingering', (pod) => expect(condition(pod, 'Ready')).toBe('False'));
  expect(statusOf(pod)).toMatchObject({ restartCount: 0, state: { running: {} } });
  await lab.core.cluster.delete(PODS, 'lingering', 'default', { gracePeriodSeconds: 1 });
  await lab.isGone('lingering');
});

test('gives each pod devices of its own and refuses one too many', async () => {
  const gpu = (count: number) => ({ ...sh('exec sleep 100'), resources: { limits: { 'nvidia.com/gpu': count } } });
  await lab.create('gpu-a', gpu(1));
  await lab.create('gpu-b', gpu(1));
  const a = await lab.until('gpu-a', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  const b = await lab.until('gpu-b', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  const held = [a, b].map((pod) => pod.metadata.annotations?.['clops.dev/devices']).sort();
  expect(held).toEqual(['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  await lab.create('gpu-c', gpu(1));
  const c = await lab.until('gpu-c', (pod) => expect(pod.status?.phase).toBe('Failed'));
  expect(c.status?.reason).toBe('UnexpectedAdmissionError');
});

async function logOf(uid: string, word: string): Promise<string> {
  const file = join(lab.core.dataDir, 'node', 'gpu-1', 'pods', uid, 'containers', 'main', '0.log');
  return await eventually(async () => {
    const text = await readFile(file, 'utf8');
    expect(text).toContain(word);
    return text;
  });
}
