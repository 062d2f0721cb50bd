/** What an agent can no longer write down is no reason to end it, or to leave a container running, ready or unstarted. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ContainerRecord } from '../../../src/local/agent/records.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';
import { condition, type Lab, processesUnder, startLab, statusOf } from './lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await startLab();
});
afterEach(() => lab.close());

const sleeper = { command: ['/bin/sh', '-c', 'echo began; exec sleep 300'] };
const isReady = (pod: AgentPod): void => expect(condition(pod, 'Ready')).toBe('True');

const fileOf = (pod: AgentPod): string =>
  join(lab.core.dataDir, 'node/gpu-1/pods', pod.metadata.uid as string, 'containers/main/container.json');
const pidOf = async (pod: AgentPod): Promise<number> =>
  (JSON.parse(await readFile(fileOf(pod), 'utf8')) as ContainerRecord).pid as number;

/** As on a full disk: nothing more can be written down about this pod's container. Answers how to make room again. */
async function fill(pod: AgentPod): Promise<() => Promise<void>> {
  const inTheWay = `${fileOf(pod)}.tmp`;
  await mkdir(inTheWay);
  return () => rm(inTheWay, { recursive: true });
}

test('a full disk ends neither the node nor a pod, and keeps a stop from nothing', async () => {
  const file = join(lab.core.dataDir, 'isReady');
  const readinessProbe = { exec: { command: ['/bin/sh', '-c', `test -e ${file}`] }, periodSeconds: 1 };
  await lab.create('vad', { ...sleeper, readinessProbe });
  const pod = await lab.until('vad', (pod) => expect(statusOf(pod).state.running).toBeDefined());
  const pid = await pidOf(pod);
  const makeRoom = await fill(pod);
  await writeFile(file, '');
  await lab.until('vad', isReady);

  process.kill(-pid, 'SIGKILL');
  await lab.until('vad', (pod) => expect(condition(pod, 'Ready')).toBe('False'));
  await makeRoom();
  const restarted = await lab.until('vad', isReady);
  expect(statusOf(restarted)).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137 } } });

  await fill(pod);
  await lab.agent.close();
  expect(processesUnder(lab.core.dataDir)).toEqual([]);
});

test('an end that a full disk kept from being written down is made good when there is room', async () => {
  await lab.create('vad', sleeper);
  const pod = await lab.until('vad', isReady);
  await lab.agent.close({ stopPods: false });
  process.kill(-(await pidOf(pod)), 'SIGKILL');
  const makeRoom = await fill(pod);
  await lab.start();
  await lab.until('vad', (pod) => expect(condition(pod, 'Ready')).toBe('False'));
  await makeRoom();
  const restarted = await lab.until('vad', isReady);
  expect(statusOf(restarted).restartCount).toBe(1);
});
