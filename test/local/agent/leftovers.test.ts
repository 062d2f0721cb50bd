/** What cannot be removed of a pod that is gone keeps neither its devices nor its address from others. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeFolder } from '../../../src/local/agent/records.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';
import { PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { type Lab, startLab } from './lab.ts';

const isRoot = process.getuid?.() === 0;

/** A folder in a pod's emptyDir that nobody can empty, and how that ends. For root only an immutable one is: ext4, xfs. */
function lock(lab: Lab, { metadata }: AgentPod): () => void {
  const dir = join(lab.core.dataDir, 'node/gpu-1/pods', metadata.uid as string, 'volumes/cache/module');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'file'), '');
  if (!isRoot) {
    chmodSync(dir, 0o555);
    return () => existsSync(dir) && chmodSync(dir, 0o755);
  }
  execFileSync('/usr/bin/chattr', ['+i', dir], { stdio: 'ignore' });
  return () => execFileSync('/usr/bin/chattr', ['-i', dir]);
}

test('of a pod that goes, while its node runs or while it is stopped', async ({ skip }) => {
  const lab = await startLab();
  const unlocks: (() => void)[] = [];
  try {
    const create = (name: string): Promise<AgentPod> =>
      lab.create(
        name,
        { command: ['/bin/sleep', '300'], resources: { limits: { 'nvidia.com/gpu': '2' } } },
        { volumes: [{ name: 'cache', emptyDir: {} }] },
      );
    const isRunning = ({ status }: AgentPod): void => expect(status?.phase).toBe('Running');
    const remove = (name: string) => lab.core.cluster.delete(PODS, name, 'default', { gracePeriodSeconds: 0 });
    const isForgotten = async ({ metadata }: AgentPod): Promise<void> => {
      const record = join(lab.core.dataDir, 'node/gpu-1/pods', metadata.uid as string, 'pod.json');
      await eventually(() => expect(existsSync(record)).toBe(false));
    };

    const first = await create('first');
    await lab.until('first', isRunning);
    try {
      unlocks.push(lock(lab, first));
    } catch {
      skip('nothing on this machine keeps root from removing a folder');
    }
    await remove('first');
    await isForgotten(first);

    const second = await create('second');
    await lab.until('second', isRunning);
    unlocks.push(lock(lab, second));
    await lab.agent.close();
    await remove('second');
    await lab.start();
    await isForgotten(second);
    await create('third');
    await lab.until('third', isRunning);
  } finally {
    for (const unlock of unlocks) unlock();
    await lab.close();
  }
});

test('a folder that a program has made read-only is removed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'clops-read-only-'));
  const inner = join(dir, 'module', 'v1');
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(inner, 'file'), '');
  for (const path of [inner, join(dir, 'module')]) chmodSync(path, 0o555);
  try {
    removeFolder(dir);
    expect(existsSync(dir)).toBe(false);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
