/** Ends what an earlier agent has started for a pod that this one does not look after. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';
import type { Log } from '../../../lib/log.ts';
import { adopt } from '../container/process.ts';
import {
  type ContainerRecord,
  containerFile,
  logFile,
  namesIn,
  podFile,
  readRecord,
  removeFolder,
  writeRecord,
} from '../records.ts';

const GRACE_MS = 2_000;

interface Parts {
  clock: Clock;
  log: Log;
}

/**
 * Of a pod that no longer exists: its folder goes as well. First what says that it holds an address and devices, and what
 * cannot be removed stays: for one such folder every pod that had gone held its devices for good.
 */
export async function endLeftovers(podDir: string, { clock, log }: Parts): Promise<void> {
  await endProcesses(podDir, clock, () => undefined);
  try {
    rmSync(podFile(podDir), { force: true });
    removeFolder(podDir);
  } catch (error) {
    log.warn(
      { err: error, podDir },
      'what a pod that is gone has written could not be removed, the next start will try',
    );
  }
}

/**
 * Of a pod that the next agent starts again. It is written down that this was a stop: taken for an end of the program, it
 * counted as a restart, and a pod that is never restarted was Failed for good.
 */
export async function stopProcesses(podDir: string, clock: Clock): Promise<void> {
  await endProcesses(podDir, clock, (file, record) => {
    try {
      writeRecord(file, { ...record, stoppedByAgent: true });
    } catch {
      // A full disk: it is ended all the same.
    }
  });
}

async function endProcesses(
  podDir: string,
  clock: Clock,
  before: (file: string, record: ContainerRecord) => void,
): Promise<void> {
  const ends = namesIn(join(podDir, 'containers')).map(async (name) => {
    const file = containerFile(podDir, name);
    const record = readRecord<ContainerRecord>(file);
    if (!record || record.ended) return;
    const log = logFile(podDir, name, record.attempt);
    const { running } = adopt(record.id, { log, pid: `${log}.pid`, exit: `${log}.exit` }, record, clock);
    if (!running) return;
    before(file, record);
    running.signal('SIGTERM');
    const cancel = clock.after(GRACE_MS, () => running.signal('SIGKILL'));
    await running.exited;
    cancel();
  });
  await Promise.all(ends);
}
