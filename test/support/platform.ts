/** `npm start` as a process of its own: free ports, a data folder of its own, and a way to ask it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopLeftover } from '../../src/platform/db/embedded/postmaster.ts';
import { freePort } from '../../src/platform/process/ports.ts';
import { eventually } from './eventually.ts';
import { MAIN } from './program.ts';

export interface Platform {
  process: ChildProcess;
  dataDir: string;
  api: string;
  gateway: string;
  token: string;
  said(): string;
  /** Sends a document; fails on top-level errors. */
  ask<T = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<T>;
  upload(digest: string, bytes: Uint8Array): Promise<void>;
  /** Kills the process and starts it anew on the same folder and ports. */
  killAndStart(): Promise<void>;
  close(): Promise<void>;
}

export async function aPlatform(env: NodeJS.ProcessEnv = {}): Promise<Platform> {
  const dataDir = mkdtempSync(join(tmpdir(), 'clops platform '));
  chmodSync(dataDir, 0o711); // root's Postgres runs as another user
  const [http, gateway, cluster] = await Promise.all([freePort(), freePort(), freePort()]);
  const settings = {
    CLOPS_DATA_DIR: dataDir,
    CLOPS_DEMO: 'off',
    CLOPS_HTTP_PORT: `${http}`,
    CLOPS_GATEWAY_PORT: `${gateway}`,
    CLOPS_CLUSTER_PORT: `${cluster}`,
    DATABASE_URL: '',
    NODE_ENV: '',
    ...env,
  };
  let said = '';

  async function start(): Promise<ChildProcess> {
    said = '';
    const child = spawn(process.execPath, [MAIN, 'all'], { env: { ...process.env, ...settings } });
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${said}`);
        if (!said.includes('CLOps is ready')) throw new Error(`not ready: ${said}`);
      },
      { withinMs: 60_000 },
    );
    return child;
  }

  const ended = (child: ChildProcess) =>
    child.exitCode !== null || child.signalCode ? undefined : new Promise((resolve) => child.once('close', resolve));

  const platform: Platform = {
    process: await start(),
    dataDir,
    api: `http://127.0.0.1:${http}`,
    gateway: `http://127.0.0.1:${gateway}`,
    token: readFileSync(join(dataDir, 'token'), 'utf8').trim(),
    said: () => said,
    async ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
      const response = await fetch(`${platform.api}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${platform.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      const answer = (await response.json()) as { data: T; errors?: unknown[] };
      if (answer.errors) throw new Error(JSON.stringify(answer.errors));
      return answer.data;
    },
    async upload(digest, bytes) {
      const response = await fetch(`${platform.api}/artifacts/${digest}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${platform.token}` },
        body: new Uint8Array(bytes),
      });
      if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
    },
    async killAndStart() {
      platform.process.kill('SIGKILL');
      await ended(platform.process);
      platform.process = await start();
    },
    async close() {
      platform.process.kill('SIGTERM');
      await ended(platform.process);
      await stopLeftover(join(dataDir, 'postgres', 'data'));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return platform;
}
