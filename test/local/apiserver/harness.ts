/** A core of its own over a temporary folder, and the port that speaks to it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { type CoreApi, type CoreOptions, createApi } from '../../../src/local/apiserver/handler.ts';
import { createInProcessCluster } from '../../../src/local/apiserver/inProcess.ts';
import type { ApiResponse } from '../../../src/local/apiserver/types.ts';
import { ApiError, type ClusterPort, type KubeObject } from '../../../src/platform/cluster/port.ts';

export interface TestCore {
  dataDir: string;
  api: CoreApi;
  cluster: ClusterPort;
  /** What the port does not show: `POST /api/v1/namespaces/default/configmaps?fieldValidation=Strict`. */
  ask(line: string, body?: unknown, contentType?: string): Promise<ApiResponse>;
  /** Ends the core and opens it again over the same folder. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startCore(options: Partial<Pick<CoreOptions, 'clock' | 'log'>> = {}): Promise<TestCore> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-core-'));
  const open = (): CoreApi => createApi({ dataDir, clock: systemClock, log: silentLog, ...options });
  const core: TestCore = {
    dataDir,
    api: open(),
    cluster: undefined as never,
    ask(line, body, contentType = 'application/json') {
      const [method = '', path = '', query = ''] = line.split(/[ ?]/);
      return core.api.handle({
        method,
        path,
        query: new URLSearchParams(query),
        headers: { accept: '', contentType, userAgent: 'kubectl/v1.34' },
        body,
        signal: new AbortController().signal,
      });
    },
    async restart() {
      await core.api.close();
      core.api = open();
      core.cluster = createInProcessCluster(core.api, 'test/1');
    },
    async close() {
      await core.api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  core.cluster = createInProcessCluster(core.api, 'test/1');
  return core;
}

/** Of util-linux; without it the tests of full disks are left out. */
export const canFillDisks = existsSync('/usr/bin/prlimit');

/** How long a file of this process may become: at the limit a write is cut short, behind it refused, as by a full disk. */
export function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('/usr/bin/prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
}

export const aConfigMap = (name: string, data: Record<string, string> = {}, namespace = 'default'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

export const aDeployment = (name: string, replicas?: number): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    ...(replicas !== undefined && { replicas }),
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'a', image: 'a:1' }] } },
  },
});

export const aPod = (name: string, spec: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'a', image: 'a:1' }], ...spec },
});

export async function refusal(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('expected a refusal and got an answer');
}
