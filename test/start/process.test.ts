import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { identityOf, startedAt } from '../../src/platform/process/identity.ts';
import { endLeftover, findChild } from '../../src/platform/process/leftover.ts';
import { createLifetime } from '../../src/platform/process/lifetime.ts';
import { takeLock } from '../../src/platform/process/lock.ts';
import { freePort, refusedPorts } from '../../src/platform/process/ports.ts';
import { type Supervised, supervise } from '../../src/platform/process/supervise.ts';
import { eventually } from '../support/eventually.ts';

let folder: string;
const closing: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clops process '));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

function options(body: string) {
  const script = join(folder, 'child.mjs');
  writeFileSync(script, body);
  return {
    name: 'child',
    command: process.execPath,
    args: [script],
    logFile: join(folder, 'logs', 'child.log'),
    pidFile: join(folder, 'run', 'child.pid'),
    stamp: 'v1',
    log: silentLog,
    restartAfterMs: 20,
  };
}

async function supervised(body: string): Promise<Supervised> {
  const child = await supervise(options(body));
  closing.push(() => child.stop(100));
  return child;
}

const WELL = `console.log('hello'); process.send({ ready: { url: 'here' } }); process.on('disconnect', () => process.exit(0));`;

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const LEFTOVER = join(import.meta.dirname, '..', '..', 'src', 'platform', 'process', 'leftover.ts');
const keptFor = (ms: number): string => `
  import { untilNobodys } from ${JSON.stringify(LEFTOVER)};
  const file = ${JSON.stringify(join(folder, 'run', 'child.pid'))};
  process.on('disconnect', () => untilNobodys(file, ${ms}).then(() => process.exit(0)));
  process.send({ ready: { url: 'here' } });
  setInterval(() => {}, 1000);`;
/** Waits for a parent as long as a child of the platform does. */
const KEPT = `setInterval(() => {}, 1000); process.send({ ready: { url: 'here' } }); process.on('disconnect', () => {});`;

describe('a supervised child', () => {
  test('is waited for, answers with what it said, and writes to its file', async () => {
    const child = await supervised(WELL);
    expect(child.info).toEqual({ url: 'here' });
    expect(readFileSync(join(folder, 'logs', 'child.log'), 'utf8')).toBe('hello\n');
  });

  test('is started again when it dies, and not when it was stopped', async () => {
    const told: string[] = [];
    const child = await supervise({ ...options(WELL), say: (text) => told.push(text) });
    closing.push(() => child.stop(100));
    for (let deaths = 1; deaths <= 2; deaths++) {
      const before = child.pid();
      process.kill(before ?? 0, 'SIGKILL');
      await eventually(() => {
        expect(child.restarts()).toBe(deaths);
        expect(child.pid()).toBeDefined();
        expect(child.pid()).not.toBe(before);
      });
    }
    await eventually(() => expect(told.at(-1)).toBe('child is ready again.'));
    await child.stop(2_000);
    expect(child.pid()).toBeUndefined();
    expect(child.restarts()).toBe(2);
    expect(
      told.filter((text) => text.startsWith('child has ended by itself (SIGKILL): starting it again.')),
    ).toHaveLength(2);
    expect(existsSync(join(folder, 'run', 'child.pid'))).toBe(false);
  });

  test('is tried again until it can be started, whatever kept it from that', async () => {
    const command = join(folder, 'program');
    const logs = join(folder, 'logs');
    symlinkSync(process.execPath, command);
    const child = await supervise({ ...options(WELL), command });
    closing.push(() => child.stop(100));

    // A program that is gone for a while, as during an installation.
    rmSync(command);
    process.kill(child.pid() ?? 0, 'SIGKILL');
    await eventually(() => expect(child.restarts()).toBeGreaterThanOrEqual(3));
    symlinkSync(process.execPath, command);
    await eventually(() => expect(child.pid()).toBeDefined());

    // A log file that cannot be opened, as on a full disk: the launch itself throws.
    rmSync(logs, { recursive: true });
    writeFileSync(logs, '');
    const before = child.restarts();
    process.kill(child.pid() ?? 0, 'SIGKILL');
    await eventually(() => expect(child.restarts()).toBeGreaterThanOrEqual(before + 2));
    rmSync(logs);
    await eventually(() => expect(child.pid()).toBeDefined());
  });

  test('goes on when nobody can write down that it is there', async () => {
    mkdirSync(join(folder, 'run', 'child.pid.new'), { recursive: true }); // as on a full disk
    const child = await supervised(WELL);
    process.kill(child.pid() ?? 0, 'SIGKILL');
    await eventually(() => expect([child.restarts(), child.pid() !== undefined]).toEqual([1, true]));
  });

  test('that does not start says why, and is not tried again', async () => {
    const said = `process.send({ failed: 'Port 1 is in use.' }, () => process.exit(1));`;
    await expect(supervise(options(said))).rejects.toThrow('child did not start: Port 1 is in use.');
    await expect(supervise(options(`console.error('no module'); process.exit(3);`))).rejects.toThrow(
      /ended with code 3. no module/,
    );
    const silent = { ...options('setInterval(() => {}, 1000);'), readyWithinMs: 300 };
    await expect(supervise(silent)).rejects.toThrow(/not ready within 0.3 s/);
  });

  test('that ignores SIGTERM is killed after its grace, or at once when there is a hurry', async () => {
    const child = await supervised(
      `process.on('SIGTERM', () => {}); process.send({ ready: 1 }); setInterval(() => {}, 1000);`,
    );
    const hurry = new AbortController();
    const stopped = child.stop(60_000, hurry.signal);
    hurry.abort();
    await stopped;
    expect(child.pid()).toBeUndefined();
  });

  test('goes on when its parent is killed, and is taken over by a start that wants just it', async () => {
    const { parent, pid } = await parentOf(options(KEPT));
    parent.kill('SIGKILL');
    const child = await supervised(KEPT);
    expect([child.pid(), child.adopted, child.info]).toEqual([pid, true, { url: 'here' }]);
    process.kill(pid, 'SIGKILL');
    await eventually(() => expect([undefined, pid]).not.toContain(child.pid()));
    expect(child.restarts()).toBe(1);
    await child.stop(2_000);
    expect(existsSync(join(folder, 'run', 'child.pid'))).toBe(false);
  });

  test('that was started as something else is no child to take over, and is ended', async () => {
    const { parent, pid } = await parentOf(options(KEPT));
    parent.kill('SIGKILL');
    const file = join(folder, 'run', 'child.pid');
    expect(findChild(file, 'v2')).toBeUndefined();
    expect(findChild(file, 'v1')).toMatchObject({ pid });
    await endLeftover(file);
    expect([identityOf(pid), findChild(file, 'v1')]).toEqual([null, undefined]);
  });

  test('that nobody comes back for ends itself, and at once when the file is about another', async () => {
    const patient = await parentOf(options(keptFor(1_500)));
    patient.parent.kill('SIGKILL');
    await eventually(() => expect(identityOf(patient.pid)).toBeNull());

    const replaced = await parentOf(options(keptFor(60_000)));
    rmSync(join(folder, 'run', 'child.pid'));
    replaced.parent.kill('SIGKILL');
    await eventually(() => expect(identityOf(replaced.pid)).toBeNull());
  });

  test('a leftover file that names somebody else harms nobody', async () => {
    const bystander = spawn('sleep', ['60']);
    closing.push(() => bystander.kill());
    const file = join(folder, 'child.pid');
    writeFileSync(file, `${bystander.pid} 1`);
    await endLeftover(file);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    expect(existsSync(file)).toBe(false);
  });
});

test.runIf(process.platform === 'linux')('a role whose log has no room goes on, and ends in order', async () => {
  const full = openSync('/dev/full', 'w');
  closing.push(() => closeSync(full));
  const env = { ...process.env, CLOPS_DATA_DIR: folder, CLOPS_CLUSTER_PORT: `${await freePort()}` };
  const role = spawn(process.execPath, [MAIN, 'cluster'], { env, stdio: ['ignore', full, full, 'ipc'] });
  closing.push(() => role.kill('SIGKILL'));
  const ended = once(role, 'exit');
  await once(role, 'message'); // that it is ready
  role.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

/** A process that supervises a child and can be killed. */
async function parentOf(child: ReturnType<typeof options>): Promise<{ parent: ChildProcess; pid: number }> {
  const module = join(import.meta.dirname, '..', '..', 'src', 'platform', 'process', 'supervise.ts');
  const { log: _, ...rest } = child;
  const script = `const { supervise } = await import(${JSON.stringify(module)});
    const log = { info() {}, warn() {}, error() {} };
    const child = await supervise({ ...${JSON.stringify(rest)}, log });
    console.log(child.pid());
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closing.push(() => parent.kill('SIGKILL'));
  const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))));
  return { parent, pid };
}

describe('the lock of a data folder', () => {
  test('has one holder, goes back, and is taken over from the dead', async () => {
    const file = join(folder, 'lock');
    const lock = takeLock(file);
    expect(takeLock(file)).toEqual({ heldBy: process.pid });
    if ('release' in lock) lock.release();
    expect(existsSync(file)).toBe(false);
    // This process' pid with another start: as after a restart of a container, where all pids come again.
    writeFileSync(file, `${process.pid} 1`);
    expect(takeLock(file)).toHaveProperty('release');
  });
});

test('the start of a process is known to a second', () => {
  const since = startedAt(process.pid) ?? 0;
  expect(Math.abs(since - (Date.now() / 1000 - process.uptime()))).toBeLessThan(3);
  expect(identityOf(2 ** 22 + 1)).toBeNull();
});

test('ports that cannot be had are named with the variable to set', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const wanted = { bind: '127.0.0.1', purpose: 'the API', setting: 'CLOPS_HTTP_PORT' };
  expect(await refusedPorts([{ ...wanted, port }])).toEqual([
    `Port ${port} for the API is in use by another program: stop that one, or choose another port with CLOPS_HTTP_PORT.`,
  ]);
  expect(await refusedPorts([{ ...wanted, port: 0, bind: '192.0.2.1' }])).toEqual([]);
  expect(await refusedPorts([{ ...wanted, port: 1024, bind: '192.0.2.1' }])).toEqual([
    '192.0.2.1 is no address of this machine: set CLOPS_BIND to one that is.',
  ]);
});

describe('the end of a process', () => {
  test('stops parts in reverse order, goes on after a failure, and answers the code', async () => {
    const lifetime = createLifetime({ log: silentLog });
    const order: string[] = [];
    lifetime.atEnd('first', () => void order.push('first'));
    lifetime.atEnd('broken', () => Promise.reject(new Error('no')));
    lifetime.atEnd('last', () => void order.push('last'));
    lifetime.end(0, 'test');
    expect((await lifetime.done).code).toBe(0);
    expect(order).toEqual(['last', 'first']);
  });

  test('waits for a start under way, and stops what that had started', async () => {
    const lifetime = createLifetime({ log: silentLog });
    let stopped = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    lifetime.starting(promise);
    lifetime.end(130, 'test');
    lifetime.atEnd('late', () => {
      stopped = true;
    });
    resolve();
    expect((await lifetime.done).code).toBe(130);
    expect(stopped).toBe(true);
  });

  test('a part that hangs is hurried and then given up', async () => {
    const lifetime = createLifetime({ log: silentLog, withinMs: 100 });
    let hurried = false;
    lifetime.atEnd('fine', () => {});
    lifetime.atEnd('hangs', (hurry) => new Promise(() => hurry.addEventListener('abort', () => (hurried = true))));
    lifetime.end(0, 'test');
    expect((await lifetime.done).tookMs).toBeLessThan(3_000);
    expect(hurried).toBe(true);
  });
});
