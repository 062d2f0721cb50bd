/** Looks at everything a command needs, one after the other, and says of each what is wrong and what to do. */
import { ServerInfoDocument, ViewerDocument } from '../../client/generated/graphql.ts';
import { ClopsFault } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { EXIT, type Exit } from '../exit.ts';
import { table } from '../shown/table.ts';

interface Finding {
  check: string;
  ok: boolean;
  detail: string;
  advice?: string;
}

/** Tokens, ages and waits are off by as much as clocks are. */
const MAX_SKEW_MS = 5_000;

export async function doctor(context: Context): Promise<Exit> {
  const findings = await examine(context);
  const { paint } = context;
  const rows = findings.map(({ check, ok, detail, advice }) => [
    ok ? paint.green('✔') : paint.red('✖'),
    check,
    detail + (advice === undefined || ok ? '' : `  → ${advice}`),
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
  const { url, token, from } = await context.place();
  const findings: Finding[] = [{ check: 'address', ok: true, detail: `${url}, from ${from}` }];
  const health = await readyz(url, context.signal);
  if ('reason' in health)
    return [
      ...findings,
      { check: 'reachable', ok: false, detail: health.reason, advice: 'npm start, or set CLOPS_URL' },
    ];
  findings.push({ check: 'reachable', ok: true, detail: `answered in ${health.tookMs} ms` });
  findings.push(clock(health));
  findings.push(...health.lines.map(readiness).filter((one) => one !== undefined));
  findings.push(await version(context));
  findings.push(await whose(context, token));
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
    const text = await response.text();
    const took = Date.now() - began;
    if (!text.includes('readyz check')) return { reason: `${url} is not this API: it answered ${response.status}` };
    const date = Date.parse(response.headers.get('date') ?? '');
    // The header has whole seconds, and was written somewhere between sending and receiving.
    const skewMs = Number.isNaN(date) ? undefined : date + 500 - (began + took / 2);
    return { lines: text.split('\n'), tookMs: took, skewMs };
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(error);
    return { reason: `nobody answers at ${url} (${code})` };
  }
}

function clock({ skewMs }: Health): Finding {
  if (skewMs === undefined) return { check: 'clock', ok: true, detail: 'the server did not tell its time' };
  const ok = Math.abs(skewMs) < MAX_SKEW_MS;
  const detail = ok
    ? 'the same as the server’s'
    : `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the server’s`;
  return { check: 'clock', ok, detail, advice: 'set the clock of this machine or of the server by NTP' };
}

/** `[+]database ok` or `[-]database failed: reason`. */
function readiness(line: string): Finding | undefined {
  const [, sign, check = '', detail = ''] = /^\[([+-])\](\S+) (.*)$/.exec(line) ?? [];
  return sign === undefined ? undefined : { check, ok: sign === '+', detail };
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

async function whose(context: Context, token: string | undefined): Promise<Finding> {
  if (token === undefined) return { check: 'token', ok: false, detail: 'there is none', advice: 'clops login' };
  try {
    const { viewer } = await context.ask(ViewerDocument, {});
    return { check: 'token', ok: true, detail: `of ${viewer.actor.name}` };
  } catch (error) {
    if (!(error instanceof ClopsFault)) throw error;
    return { check: 'token', ok: false, detail: error.message, advice: 'clops login' };
  }
}
