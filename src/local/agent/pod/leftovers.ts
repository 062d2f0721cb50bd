/** Ends what an earlier agent has started for a pod that this one does not look after. */
import { join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';
import { adopt } from '../container/process.ts';
import { type ContainerRecord, containerFile, logFile, namesIn, readRecord, removeFolder } from '../records.ts';

const GRACE_MS = 2_000;

/** Of a pod that no longer exists: its folder goes as well. */
export async function endLeftovers(podDir: string, clock: Clock): Promise<void> {
  await endProcesses(podDir, clock);
  removeFolder(podDir);
}

export async function endProcesses(podDir: string, clock: Clock): Promise<void> {
  const ends = namesIn(join(podDir, 'containers')).map(async (name) => {
    const record = readRecord<ContainerRecord>(containerFile(podDir, name));
    if (!record || record.ended) return;
    const log = logFile(podDir, name, record.attempt);
    const { running } = adopt(record.id, { log, pid: `${log}.pid`, exit: `${log}.exit` }, record, clock);
    if (!running) return;
    running.signal('SIGTERM');
    const cancel = clock.after(GRACE_MS, () => running.signal('SIGKILL'));
    await running.exited;
    cancel();
  });
  await Promise.all(ends);
}
