/**
 * One temporary folder for all that a run of the tests makes, and the proof that it leaves nothing running: a process
 * that outlives the tests fails them, and one that outlives a run which was killed is ended.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesOf } from './leftovers.ts';

export default function setup(): (() => Promise<void>) | undefined {
  if (process.env['CLOPS_TEST_RUN']) return undefined; // the other project has made it
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'clops-test-'));
  chmodSync(folder, 0o711); // root's Postgres runs as another user
  const leash = spawn(process.execPath, [join(import.meta.dirname, 'leftovers.ts'), folder], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  leash.unref();
  process.env['CLOPS_TEST_RUN'] = process.env['TMPDIR'] = folder;

  return async () => {
    const until = performance.now() + 5_000;
    for (;;) {
      const left = processesOf(folder).filter(({ pid, parent }) => parent !== process.pid && pid !== leash.pid);
      if (left.length === 0) return;
      if (performance.now() > until)
        throw new Error(`Left running:\n${left.map(({ pid, command }) => `  ${pid} ${command}`).join('\n')}`);
      await sleep(50);
    }
  };
}
