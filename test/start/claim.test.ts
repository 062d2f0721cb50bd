/** A start that meets what an earlier one has left: a child that is just ending holds the data folder, and lets it go. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { MAIN } from '../support/program.ts';

const PROCESS = join(import.meta.dirname, '..', '..', 'src', 'platform', 'process');
let folder: string;
const processes: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clops-claim-'));
});
afterEach(async () => {
  for (const one of processes.splice(0)) {
    const ended = one.exitCode === null && one.signalCode === null && once(one, 'exit');
    one.kill('SIGKILL');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Holds the lock until its stdin ends. */
async function holder(role: string): Promise<ChildProcess> {
  const script = `import { takeLock } from ${JSON.stringify(join(PROCESS, 'lock.ts'))};
    import { rememberChild } from ${JSON.stringify(join(PROCESS, 'leftover.ts'))};
    rememberChild(process.argv[2], process.pid, 'v1', {});
    const lock = takeLock(process.argv[1]);
    process.stdin.on('end', () => { lock.release(); process.exit(0); }).resume();
    console.log('held');`;
  const files = [join(folder, 'lock'), join(folder, 'run', `${role}.pid`)];
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, ...files], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  processes.push(child);
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

/** A port that is taken ends it once the folder is its own. */
function start(httpPort: number) {
  const own = { CLOPS_DATA_DIR: folder, CLOPS_HTTP_PORT: `${httpPort}`, CLOPS_GATEWAY_PORT: '0', DATABASE_URL: '' };
  const env = { ...process.env, CLOPS_CLUSTER_PORT: '0', CLOPS_DEMO: 'off', NODE_ENV: '', ...own };
  const child = spawn(process.execPath, [MAIN, 'all'], { env });
  processes.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  return { said: () => said, ended: once(child, 'close') };
}

test('waits for a child that is just ending, and says so; anybody else is a platform that runs', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : expect.fail();
  try {
    const child = await holder('node');
    const one = start(port);
    await eventually(() => expect(one.said()).toContain(`! Process ${child.pid} of an earlier start is just ending`), {
      withinMs: 15_000,
    });
    child.stdin?.end();
    await one.ended;
    expect(one.said()).toContain(`✗ Port ${port} for the API is in use`);
    expect(one.said()).not.toContain('already running');

    const stranger = await holder('another');
    const two = start(port);
    await two.ended;
    expect(two.said()).toContain(`✗ CLOps is already running on ${folder} (process ${stranger.pid})`);
  } finally {
    taken.close();
  }
});
