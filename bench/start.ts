/**
 * What `npm start` costs: the time from nothing to a canary that answers and is counted, the same on a folder that is
 * there already, and what the platform takes while nobody asks it anything. There is no peer; the goals are the measure.
 *
 *   npm run build && node bench/start.ts [starts of each kind, 3] [times | idle]
 *
 * Linux alone. Each start is in a fresh folder, on free ports; about 10 seconds each, and 90 for the idle part.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { readFrames } from '../src/demo/clip.ts';
import { newPlace, type Place, start } from './start/instance.ts';
import { total, type Usage, usageOf } from './start/processes.ts';

const ROUNDS = Number(process.argv[2] ?? 3);
const ONLY = process.argv[3];
const SETTLE_MS = 5_000;
const IDLE_MS = 30_000;
const GOALS = { first: 10, second: 5, idle: 3, memory: 700 };
const PARTS = ['platform', 'cluster', 'node', 'postgres'];

/** Seconds since the start of the program. */
interface Times {
  ready: number;
  healthy: number;
  answers: number;
  counted: number;
  /** Processor time of all processes until then: half of it is what two free cores would take at least. */
  cpu: number;
  stop: number;
}

interface State {
  deployment: {
    ready: boolean;
    phase: string;
    endpoint: { url: string } | null;
    canary: { weight: number; observedShare: number | null } | null;
  } | null;
}

const STATE = `{ deployment(team: "speech", name: "vad") {
  ready phase endpoint { url } canary { weight observedShare }
} }`;

// --- times ----------------------------------------------------------------------------------------------------------

/** With the demo's own traffic, beside which this asks until the canary has answered it. */
async function timeOf(place: Place): Promise<Times> {
  const instance = await start(place, { CLOPS_DEMO: 'on' });
  try {
    let model = '';
    const healthy = await instance.reached('a healthy deployment', async () => {
      const { deployment } = await instance.ask<State>(STATE);
      model = `${deployment?.endpoint?.url}/v2/models/vad`;
      return deployment?.ready === true && deployment.endpoint !== null && (await versionThatAnswers(model)) !== null;
    });
    const isCanary = async (): Promise<boolean> => (await versionThatAnswers(model)) === '2';
    const answers = await instance.reached('an answer of the canary', isCanary);
    const counted = await instance.reached('the counted share of the canary', async () => {
      const { deployment } = await instance.ask<State>(STATE);
      return (deployment?.canary?.observedShare ?? 0) > 0;
    });
    const { cpu } = total(usageOf(instance.pid, postmasterOf(place.dataDir)));
    return { ready: instance.readyAt, healthy, answers, counted, cpu, stop: await instance.stop() };
  } catch (error) {
    await instance.stop();
    throw error;
  }
}

const [frame = []] = readFrames();
const INFERENCE = JSON.stringify({
  inputs: [
    { name: 'input', datatype: 'FP32', shape: [1, frame.length], data: frame },
    { name: 'state', datatype: 'FP32', shape: [2, 1, 128], data: new Array<number>(256).fill(0) },
    { name: 'sr', datatype: 'INT64', shape: [], data: [16_000] },
  ],
});

/** Null while nothing answers yet. */
async function versionThatAnswers(model: string): Promise<string | null> {
  const headers = { 'content-type': 'application/json' };
  try {
    const response = await fetch(`${model}/infer`, { method: 'POST', headers, body: INFERENCE });
    const answer = (await response.json()) as { model_version?: string };
    return response.ok ? (answer.model_version ?? '') : null;
  } catch {
    return null;
  }
}

// --- idle -----------------------------------------------------------------------------------------------------------

/** The rollout waits at its last step and nobody asks for anything, for half a minute. */
async function idleOf(place: Place): Promise<{ before: Usage[]; after: Usage[]; seconds: number }> {
  const { dataDir } = place;
  const instance = await start(place, { CLOPS_DEMO: 'quiet' });
  try {
    await instance.reached('a rollout that waits for somebody', async () => {
      const { deployment } = await instance.ask<State>(STATE);
      return deployment?.phase === 'PAUSED' && deployment.canary?.weight === 50;
    });
    await sleep(SETTLE_MS);
    const postgres = postmasterOf(dataDir);
    const from = instance.now();
    const before = usageOf(instance.pid, postgres);
    await sleep(IDLE_MS);
    return { before, after: usageOf(instance.pid, postgres), seconds: instance.now() - from };
  } finally {
    await instance.stop();
  }
}

/** Its data may lie elsewhere: the platform tells where it is. */
function postmasterOf(dataDir: string): number {
  const home = join(dataDir, 'postgres');
  const outside = join(home, 'outside');
  const at = readOrNull(outside) ?? home;
  return Number(readFileSync(join(at, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

// --- the table ------------------------------------------------------------------------------------------------------

/** Of an even number of values the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

const load = (): string =>
  loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');

async function inFolder<T>(work: (place: Place) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'clops-bench-'));
  try {
    return await work(await newPlace(dataDir));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const PLAIN = { style: { head: [], border: [] } };
const WORDS: Record<keyof Times, string> = {
  ready: 'ready (the table is printed)',
  healthy: 'a healthy deployment',
  answers: 'the canary answers through the gateway',
  counted: 'its share is counted',
  cpu: 'processor time until then',
  stop: 'stop (Ctrl-C to the end)',
};
const KEYS = Object.keys(WORDS) as (keyof Times)[];

async function measureTimes(): Promise<void> {
  const first: Times[] = [];
  const second: Times[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    await inFolder(async (place) => {
      first.push(await timeOf(place));
      second.push(await timeOf(place));
    });
    console.log(`round ${round} of ${ROUNDS}: first ${told(first)}, second ${told(second)} s, load ${load()}`);
  }
  const table = new Table({ ...PLAIN, head: ['Seconds from the start, median', 'first', 'second', 'second / first'] });
  const medians = (key: keyof Times): [number, number] => [
    median(first.map((t) => t[key])),
    median(second.map((t) => t[key])),
  ];
  for (const key of KEYS) {
    const [one, two] = medians(key);
    table.push([WORDS[key], one.toFixed(2), two.toFixed(2), (two / one).toFixed(2)]);
  }
  const [one, two] = medians('counted');
  table.push(['goal for the counted share', verdict(one, GOALS.first), verdict(two, GOALS.second), '']);
  console.log(table.toString());
}

const told = (list: readonly Times[]): string => KEYS.map((key) => list.at(-1)?.[key].toFixed(1)).join(' / ');

async function measureIdle(): Promise<void> {
  const { before, after, seconds } = await inFolder(idleOf);
  const table = new Table({ ...PLAIN, head: ['Idle, canary up', 'processes', '% of a core', 'RSS, MB', 'PSS, MB'] });
  const percent = (parts: readonly string[]): number =>
    (100 * (sum(after, parts).cpu - sum(before, parts).cpu)) / seconds;
  const row = (name: string, parts: readonly string[]): void => {
    const { count, rssMb, pssMb } = sum(after, parts);
    table.push([name, count, percent(parts).toFixed(2), rssMb.toFixed(0), pssMb.toFixed(0)]);
  };
  for (const part of PARTS) row(part, [part]);
  row('together', PARTS);
  row('model servers, apart', ['model server']);
  table.push(['goal', '', verdict(percent(PARTS), GOALS.idle), verdict(sum(after, PARTS).rssMb, GOALS.memory), '']);
  console.log(table.toString());
}

const sum = (list: readonly Usage[], parts: readonly string[]) =>
  total(list.filter(({ part }) => parts.includes(part)));

function verdict(value: number, goal: number): string {
  return `below ${goal}: ${value < goal ? 'yes' : 'no'} (${(value / goal).toFixed(2)} of it)`;
}

console.log(`${cpus().length} processors, Node ${process.versions.node}, load ${load()}`);
if (ONLY !== 'idle') await measureTimes();
if (ONLY !== 'times') await measureIdle();
console.log(`load ${load()}; repeat with: npm run build && node bench/start.ts ${process.argv.slice(2).join(' ')}`);
