/** The whole of `npm start` as a process of its own, on a data folder with a space in its name. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findPostmaster, stopLeftover } from '../../src/platform/db/embedded/postmaster.ts';
import { identityOf } from '../../src/platform/process/identity.ts';
import { freePort } from '../../src/platform/process/ports.ts';
import { eventually } from '../support/eventually.ts';
import { MAIN } from '../support/program.ts';

interface Running {
  process: ChildProcess;
  said(): string;
  code: Promise<number | null>;
}

let folder: string;
let ports: NodeJS.ProcessEnv;
const running: Running[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clops start '));
  chmodSync(folder, 0o711); // Root's Postgres runs as another user.
  const [http, gateway, cluster] = await Promise.all([freePort(), freePort(), freePort()]);
  ports = { CLOPS_HTTP_PORT: `${http}`, CLOPS_GATEWAY_PORT: `${gateway}`, CLOPS_CLUSTER_PORT: `${cluster}` };
});
afterEach(async () => {
  for (const one of running.splice(0)) {
    one.process.kill('SIGTERM');
    await one.code;
  }
});
afterAll(async () => {
  await stopLeftover(join(folder, 'postgres', 'data'));
  rmSync(folder, { recursive: true, force: true });
});

function start(env: NodeJS.ProcessEnv = {}, role = 'all'): Running {
  const own = { CLOPS_DATA_DIR: folder, CLOPS_DEMO: 'off', DATABASE_URL: '', NODE_ENV: '', ...ports };
  const child = spawn(process.execPath, [MAIN, role], { env: { ...process.env, ...own, ...env } });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  const code = new Promise<number | null>((resolve) => child.once('close', (exit) => resolve(exit)));
  const one = { process: child, said: () => said, code };
  running.push(one);
  return one;
}

async function ready(one: Running): Promise<void> {
  const ended = one.code.then((code) => Promise.reject(new Error(`it ended with ${code}: ${one.said()}`)));
  ended.catch(() => {});
  await Promise.race([eventually(() => expect(one.said()).toContain('CLOps is ready'), { withinMs: 60_000 }), ended]);
}

const children = (): number[] =>
  readdirSync(join(folder, 'run')).map((file) => Number(readFileSync(join(folder, 'run', file), 'utf8').split(' ')[0]));

test('starts everything, answers, refuses a second start, and leaves nothing after Ctrl-C', {
  timeout: 90_000,
}, async () => {
  const one = start();
  await ready(one);
  for (const line of [/✓ postgres 18\.\d+ ready \(\d+\.\d s\)/, /✓ cluster ready/, /✓ node ready/, /✓ api ready/]) {
    expect(one.said()).toMatch(line);
  }
  const [, url = '', token = ''] = /(http:\S+)#token=(\S+)/.exec(one.said()) ?? [];
  expect(token).toBe(readFileSync(join(folder, 'token'), 'utf8').trim());
  expect(statSync(join(folder, 'token')).mode & 0o777).toBe(0o600);
  expect(`${readFileSync(join(folder, 'url'), 'utf8').trim()}/graphql`).toBe(url);
  expect(await askVersion(url, token)).toEqual({ data: { serverInfo: { version: expect.any(String) } } });
  const page = await fetch(url, { headers: { accept: 'text/html' } });
  expect(page.headers.get('content-type')).toContain('text/html');

  const second = start();
  expect(await second.code).toBe(1);
  expect(second.said()).toContain(`✗ CLOps is already running on ${folder} (process ${one.process.pid})`);

  const pids = children();
  expect(pids).toHaveLength(2);
  one.process.kill('SIGINT');
  one.process.kill('SIGINT'); // npm passes Ctrl-C on to whom the terminal has signalled already.
  expect(await one.code).toBe(130);
  expect(one.said()).toMatch(
    /stopping api …\n.*stopping controller …\n(.*stopping (node|cluster|postgres) …\n){3}Stopped in \d\.\d s\./,
  );
  expect(pids.map(identityOf)).toEqual([null, null]);
  expect(findPostmaster(join(folder, 'postgres', 'data'))).toBeNull();
  expect(readdirSync(join(folder, 'run'))).toEqual([]);
  for (const taken of ['lock', 'url']) expect(existsSync(join(folder, taken))).toBe(false);
});

test('after a kill -9 the models are served on, and the next start takes everything over; a killed child comes back', {
  timeout: 90_000,
}, async () => {
  const first = start();
  await ready(first);
  const pids = children();
  first.process.kill('SIGKILL');
  await first.code;
  const gateway = `http://127.0.0.1:${ports['CLOPS_GATEWAY_PORT']}/`;
  expect((await fetch(gateway)).status).toBe(404);
  expect(findPostmaster(join(folder, 'postgres', 'data'))?.status).toBe('ready');

  const second = start();
  await ready(second);
  for (const name of ['postgres 18', 'cluster', 'node']) {
    expect(second.said()).toMatch(new RegExp(`${name}[\\d.]* found running`));
  }
  expect(children()).toEqual(pids);
  const before = children();
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await eventually(() => {
    const now = children();
    expect(now).toHaveLength(2);
    expect(now.filter((pid) => before.includes(pid))).toEqual([]);
  });
  await eventually(async () => {
    expect((await fetch(gateway)).status).toBe(404);
  });

  second.process.kill('SIGKILL');
  await second.code;
  const third = start({ CLOPS_LOG_LEVEL: 'debug' });
  await ready(third);
  expect(third.said()).toMatch(/cluster ready[\s\S]*node ready/); // Other settings: not the children it wants.
  third.process.kill('SIGTERM');
  expect(await third.code).toBe(0);
  expect([...pids, ...before].map(identityOf)).toEqual([null, null, null, null]);
});

test('after a kill -9 that nobody starts again from, the last child to end takes Postgres along', {
  timeout: 60_000,
}, async () => {
  const only = start();
  await ready(only);
  const [cluster = 0, node = 0] = children();
  process.kill(cluster, 'SIGTERM'); // A platform lives: its Postgres is left alone, and its child comes back.
  await eventually(() => expect(identityOf(cluster)).toBeNull());
  expect(findPostmaster(join(folder, 'postgres', 'data'))).not.toBeNull();
  await eventually(() => expect(children().filter((pid) => pid !== cluster)).toHaveLength(2));
  only.process.kill('SIGKILL');
  await only.code;
  for (const pid of [...children(), node]) if (identityOf(pid) !== null) process.kill(pid, 'SIGTERM');
  await eventually(() => expect(findPostmaster(join(folder, 'postgres', 'data'))).toBeNull());
});

test('what a person can put right is one sentence, and nothing is started', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(Number(ports['CLOPS_GATEWAY_PORT']), '127.0.0.1', resolve));
  const taken = start();
  expect(await taken.code).toBe(1);
  expect(taken.said()).toMatch(/✗ Port \d+ for the gateway is in use by another program: .*CLOPS_GATEWAY_PORT\.\n/);
  expect(taken.said()).not.toContain('✓');
  await new Promise((resolve) => server.close(resolve));

  const wrong = start({ CLOPS_HTTP_PORT: 'eighty' });
  expect(await wrong.code).toBe(2);
  expect(wrong.said()).toMatch(/^✗ CLOPS_HTTP_PORT=eighty is not a valid setting: .*\n$/);

  const unknown = start({}, 'clutser');
  expect(await unknown.code).toBe(2);
  expect(unknown.said()).toMatch(/^There is no role "clutser"\. The roles are: .*cluster.*\n$/);
});

async function askVersion(url: string, token: string): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ serverInfo { version } }' }),
  });
  return await answer.json();
}
