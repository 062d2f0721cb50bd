/** Looks at everything a command needs, one after the other, and says of each what is wrong and what to do. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  DeploymentsDocument,
  GpuNodesDocument,
  ServerInfoDocument,
  ViewerDocument,
} from '../../client/generated/graphql.ts';
import { ClopsFault } from '../../client/index.ts';
import { refused } from '../answers.ts';
import type { Place } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT, type Exit } from '../exit.ts';
import { table } from '../shown/table.ts';
import { visible } from '../shown/visible.ts';
import { asTyped } from '../typed.ts';

interface Finding {
  check: string;
  ok: boolean;
  detail: string;
  advice?: string;
}

/** Tokens, ages and waits are off by as much as clocks are. */
const MAX_SKEW_MS = 5_000;
/** An upgrade that a proxy neither refuses nor lets through. */
const STREAM_WITHIN_MS = 5_000;

export async function doctor(context: Context): Promise<Exit> {
  const findings = await examine(context);
  const { paint } = context;
  const rows = findings.map(({ check, ok, detail, advice }) => [
    ok ? paint.green('✔') : paint.red('✖'),
    check,
    detail + (advice === undefined || ok ? '' : `  → ${asTyped(advice, context.program)}`),
  ]);
  await context.show({
    data: findings,
    table: () => table([], rows),
    names: findings.filter(({ ok }) => !ok).map(({ check }) => check),
  });
  const bad = findings.find(({ ok }) => !ok);
  if (!bad) return EXIT.ok;
  return bad.check === 'token' ? EXIT.auth : EXIT.failure;
}

async function examine(context: Context): Promise<Finding[]> {
  const place = await context.place();
  const { url, from, isLocal } = place;
  const findings: Finding[] = [{ check: 'address', ok: true, detail: `${url}, from ${from}` }];
  const health = await readyz(url, context.signal);
  if ('reason' in health)
    return [
      ...findings,
      {
        check: 'reachable',
        ok: false,
        detail: health.reason,
        advice: isLocal ? 'npm start, or set CLOPS_URL' : `${from} says this address: is it the right one?`,
      },
    ];
  findings.push({ check: 'reachable', ok: true, detail: `answered in ${health.tookMs} ms` });
  findings.push(clock(health));
  findings.push(...health.lines.map(readiness).filter((one) => one !== undefined));
  findings.push(await version(context));
  const owner = await whose(context, place);
  findings.push(owner);
  findings.push(await streams(url, context.signal));
  if (owner.ok) findings.push(...(await Promise.all([clusterAnswers(context), gatewayAnswers(context)])));
  if (isLocal) findings.push(...(await kubectlFits(context.config.local.kubeconfig, context.signal)));
  return findings;
}

interface Health {
  lines: string[];
  tookMs: number;
  /** The server's clock against ours; undefined when it did not say. */
  skewMs: number | undefined;
}

async function readyz(url: string, signal: AbortSignal): Promise<Health | { reason: string }> {
  const began = Date.now();
  try {
    const response = await fetch(`${url}/readyz?verbose`, { signal });
    const text = visible(await response.text());
    const took = Date.now() - began;
    if (!text.includes('readyz check')) return { reason: `${url} is not this API: it answered ${response.status}` };
    const date = Date.parse(response.headers.get('date') ?? '');
    // The header has whole seconds, and was written somewhere between sending and receiving.
    const skewMs = Number.isNaN(date) ? undefined : date + 500 - (began + took / 2);
    return { lines: text.split('\n'), tookMs: took, skewMs };
  } catch (error) {
    signal.throwIfAborted();
    return { reason: `nobody answers at ${url} (${reasonOf(error)})` };
  }
}

/** What fetch hides in `cause`. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return String(error);
  return 'code' in cause ? String(cause.code) : cause.message;
}

function clock({ skewMs }: Health): Finding {
  if (skewMs === undefined) return { check: 'clock', ok: true, detail: 'the server did not tell its time' };
  const ok = Math.abs(skewMs) < MAX_SKEW_MS;
  const detail = ok
    ? 'the same as the server’s'
    : `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the server’s`;
  return { check: 'clock', ok, detail, advice: 'set the clock of this machine or of the server by NTP' };
}

/** `[+]database ok`, `[-]database failed: reason`, or `[!]cluster: reason` of what does not make it unready. */
function readiness(line: string): Finding | undefined {
  const [, sign, check = '', detail = ''] = /^\[([+!-])\](\S+?):? (.*)$/.exec(line) ?? [];
  return sign === undefined ? undefined : { check, ok: sign !== '-', detail };
}

async function version(context: Context): Promise<Finding> {
  try {
    const { serverInfo } = await context.ask(ServerInfoDocument, {});
    return { check: 'version', ok: true, detail: `server ${serverInfo.version}, schema ${serverInfo.schemaVersion}` };
  } catch (error) {
    if (!(error instanceof ClopsFault)) throw error;
    return {
      check: 'version',
      ok: false,
      detail: error.message,
      advice: 'this CLI and the server are of different versions',
    };
  }
}

async function whose(context: Context, place: Place): Promise<Finding> {
  const check = 'token';
  if (place.token === undefined)
    return { check, ok: false, detail: 'there is none', advice: refused(place).next[0] ?? '' };
  try {
    const { viewer } = await context.ask(ViewerDocument, {});
    return { check, ok: true, detail: `of ${viewer.actor.name}, from ${place.tokenFrom}` };
  } catch (error) {
    if (!(error instanceof ClopsFault)) throw error;
    if (error.code !== 'UNAUTHENTICATED') return { check, ok: false, detail: error.message };
    const { message, next } = refused(place);
    return { check, ok: false, detail: message, advice: next[0] ?? '' };
  }
}

/** What is watched comes over a WebSocket, which proxies are known to refuse while they let all else through. */
async function streams(url: string, signal: AbortSignal): Promise<Finding> {
  const check = 'streams';
  const began = Date.now();
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
  const outcome = await new Promise<'open' | 'refused' | 'silent'>((resolve) => {
    socket.addEventListener('open', () => resolve('open'));
    socket.addEventListener('error', () => resolve('refused'));
    AbortSignal.any([signal, AbortSignal.timeout(STREAM_WITHIN_MS)]).addEventListener('abort', () => resolve('silent'));
  });
  socket.close();
  signal.throwIfAborted();
  if (outcome === 'open') return { check, ok: true, detail: `a WebSocket stood in ${Date.now() - began} ms` };
  const what = outcome === 'refused' ? 'was refused' : `did not stand within ${STREAM_WITHIN_MS / 1000} s`;
  const advice = 'does a proxy in between let WebSockets through? Without them nothing can be watched, all else works';
  return { check, ok: false, detail: `a WebSocket to /graphql ${what}`, advice };
}

async function clusterAnswers(context: Context): Promise<Finding> {
  const check = 'nodes';
  const advice = 'the log of the server says more; serving goes on without it';
  try {
    const client = await context.client();
    const options = { signal: context.signal, onPartial: () => {} };
    const { gpuNodes } = await client.request(GpuNodesDocument, { where: null, first: 50, after: null }, options);
    if (gpuNodes === null) return { check, ok: false, detail: 'the cluster does not answer the API', advice };
    const ready = gpuNodes.nodes.filter((node) => node.ready).length;
    return { check, ok: true, detail: `${ready} of ${gpuNodes.nodes.length} ready` };
  } catch (error) {
    if (!(error instanceof ClopsFault)) throw error;
    return { check, ok: false, detail: error.message, advice };
  }
}

/** The gateway is where endpoints are: it answers something there, whatever that is, or it is not reached. */
async function gatewayAnswers(context: Context): Promise<Finding> {
  const check = 'gateway';
  const page = { where: null, first: 1, after: null };
  const client = await context.client();
  const options = { signal: context.signal, onPartial: () => {} };
  const { deployments } = await client.request(DeploymentsDocument, page, options);
  const url = deployments.nodes[0]?.endpoint?.url;
  if (url === undefined) return { check, ok: true, detail: 'not asked: nothing is served yet' };
  const { origin } = new URL(url);
  try {
    await (await fetch(`${url}/v2/health/ready`, { signal: context.signal })).body?.cancel();
    return { check, ok: true, detail: `answers at ${origin}` };
  } catch (error) {
    context.signal.throwIfAborted();
    return {
      check,
      ok: false,
      detail: `nobody answers at ${origin} (${reasonOf(error)})`,
      advice: `is ${origin} reachable from here?`,
    };
  }
}

interface KubectlVersions {
  clientVersion?: { gitVersion?: string };
  serverVersion?: { gitVersion?: string };
}

/** Nothing here needs kubectl. Where there is one, it warns of a cluster more than one minor version away. */
async function kubectlFits(kubeconfig: string, signal: AbortSignal): Promise<Finding[]> {
  const check = 'kubectl';
  const args = ['--kubeconfig', kubeconfig, '--request-timeout', '5s', 'version', '-o', 'json'];
  const out = await promisify(execFile)('kubectl', args, { signal }).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
  signal.throwIfAborted();
  if (out === undefined) return [];
  const { clientVersion, serverVersion } = JSON.parse(out) as KubectlVersions;
  const [client, server] = [clientVersion?.gitVersion ?? '', serverVersion?.gitVersion ?? ''];
  const minor = (version: string): number => Number(/^v?1\.(\d+)/.exec(version)?.[1]);
  const apart = Math.abs(minor(client) - minor(server));
  const skew = apart > 1 ? ': it warns of the difference; CLOps itself needs no kubectl' : '';
  return [{ check, ok: true, detail: `${client}, the cluster ${server}${skew}` }];
}
