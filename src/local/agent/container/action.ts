/** Does once what a probe or a hook asks for: an HTTP request, a TCP connection, a command. */
import { spawn } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Action, HttpGet } from '../types.ts';
import type { Command } from './command.ts';

export interface ActionResult {
  ok: boolean;
  /** For a person, in a kubelet's words. */
  message: string;
}

export interface ActionTarget {
  address: string;
  /** By name, or by the number the container believes in. Undefined when there is no such port. */
  portOf: (port: number | string) => number | undefined;
  /** Environment and folder for `exec`, and paths inside rewritten. */
  exec: (command: readonly string[]) => Command;
}

const MAX_OUTPUT = 1024;

/** Rejects when it cannot be asked at all, which says nothing of the program. */
export async function perform(action: Action, target: ActionTarget, timeoutMs: number): Promise<ActionResult> {
  if (action.httpGet) return await httpGet(action.httpGet, target, timeoutMs);
  if (action.tcpSocket) return await tcpSocket(action.tcpSocket, target, timeoutMs);
  if (action.exec) return await exec(action.exec.command ?? [], target, timeoutMs);
  if (action.sleep) return await slept(action.sleep.seconds * 1000, timeoutMs);
  throw new Error('only httpGet, tcpSocket and exec are served on this node');
}

function portOf(named: number | string, target: ActionTarget): number {
  const port = target.portOf(named);
  if (port === undefined) throw new Error(`couldn't find port: ${named}`);
  return port;
}

async function httpGet(get: HttpGet, target: ActionTarget, timeoutMs: number): Promise<ActionResult> {
  const port = portOf(get.port, target);
  const secure = get.scheme?.toUpperCase() === 'HTTPS';
  const host = get.host || target.address;
  const path = get.path?.startsWith('/') ? get.path : `/${get.path ?? ''}`;
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/clops', accept: '*/*', connection: 'close' };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return await new Promise((resolve) => {
    const fail = (why: string): void => resolve({ ok: false, message: `Get "${url}": ${why}` });
    // As a kubelet: no certificate is verified, no connection is kept, a redirect is a success.
    const options = { agent: false as const, headers, rejectUnauthorized: false };
    const request = (secure ? https : http).get(url, options, (response) => {
      const code = response.statusCode ?? 0;
      response.resume();
      response.once('error', () => undefined);
      response.once('close', () => clearTimeout(timer));
      if (code >= 200 && code < 400) resolve({ ok: true, message: '' });
      else resolve({ ok: false, message: `HTTP probe failed with statuscode: ${code}` });
    });
    const timer = setTimeout(() => {
      fail('context deadline exceeded (Client.Timeout exceeded while awaiting headers)');
      request.destroy();
    }, timeoutMs);
    request.once('error', (error) => {
      clearTimeout(timer);
      fail(dialError(error, host, port));
    });
  });
}

async function tcpSocket(
  socket: { port: number | string; host?: string },
  target: ActionTarget,
  timeoutMs: number,
): Promise<ActionResult> {
  const port = portOf(socket.port, target);
  const host = socket.host || target.address;
  return await new Promise((resolve) => {
    const connection = connect({ host, port, timeout: timeoutMs });
    const end = (result: ActionResult): void => {
      connection.destroy();
      resolve(result);
    };
    connection.once('connect', () => end({ ok: true, message: '' }));
    connection.once('timeout', () => end({ ok: false, message: `dial tcp ${host}:${port}: i/o timeout` }));
    connection.once('error', (error) => end({ ok: false, message: dialError(error, host, port) }));
  });
}

function dialError(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`;
  if (error.code === 'ECONNRESET') return 'EOF';
  return error.message;
}

/** Runs the command as a group of its own, so that a timeout ends all it started. */
async function exec(command: readonly string[], target: ActionTarget, timeoutMs: number): Promise<ActionResult> {
  const { argv, env, cwd } = target.exec(command);
  const [file, ...args] = argv;
  if (!file) throw new Error('exec has no command');
  return await new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => {
      if (child.pid !== undefined) endGroup(child.pid);
      finish({ ok: false, message: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s` });
    }, timeoutMs);
    // First of all: with too many files open there are no pipes to listen to, and an error without a listener ends the node.
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    let output = '';
    const take = (chunk: Buffer): void => {
      if (output.length < MAX_OUTPUT) output = (output + chunk.toString('utf8')).slice(0, MAX_OUTPUT);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const finish = (result: ActionResult): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(result);
    };
    child.once('exit', (code) => {
      // What it printed may still be in the pipe; `close` would wait for whoever else holds it.
      setImmediate(() => finish({ ok: code === 0, message: output.trim() || `command exited with ${code}` }));
    });
  });
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ended meanwhile
  }
}

const slept = (ms: number, timeoutMs: number): Promise<ActionResult> =>
  sleep(Math.min(ms, timeoutMs), { ok: true, message: '' });
