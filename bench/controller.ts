/**
 * What a rollout costs: our controller beside Argo Rollouts' on the same real Kubernetes with pretended nodes. So many canaries
 * of two replicas are made and then all rolled at once (`setWeight 50`, `pause 1 s`), by one controller after the other.
 *
 *   npm run kubernetes:build -- control-plane kwok argo     # the first time: Argo Rollouts 1.10 from its Go module
 *   npm run build                                           # ours is measured as it is delivered
 *   node bench/controller.ts [--count=50] [--only=CLOps] [--profile=FOLDER]
 *
 * `only` takes the beginning of a title; without Argo's program only ours is measured. `profile` has ours write a CPU profile.
 *
 * Requests are those that the API server's audit log has of the controller's user, leases not among them; CPU and memory are
 * those of the controller's process. Ours moves two Services and a route for each rollout, accepted at once by a gateway that
 * nobody sends requests to, so that it waits 3 s for them at either weight. Argo is measured twice: dividing by pods, which
 * asks nothing of a router, and by the annotations of an Ingress, with two Services as ours; it counts no requests.
 *
 * Argo's clients may ask 200 times a second (--qps), ours has ten workers and no other limit. The last-done times need a
 * machine that does nothing else: the load is printed. Needs Linux.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { DEPLOYMENTS, PODS } from '../src/platform/cluster/resources.ts';
import { pathOf } from '../test/kubernetes/build/build.ts';
import { startKubernetesLab } from '../test/kubernetes/controllerLab.ts';
import { endOf, hasEnded } from './children.ts';
import { type Contestant, ours, rollouts } from './controller/contestants.ts';

const { values: flags } = parseArgs({
  options: {
    count: { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
    profile: { type: 'string' },
  },
});
const COUNT = Number(flags.count);
const PODS_OF_A_NODE = 100;
/** After a roll the old pods are still to go, 30 s later where requests were moved. */
const REST_MS = 40_000;
const IDLE_MS = 20_000;
const TELL_MS = 10_000;
const TICK_MS = 10; // USER_HZ is 100 on every Linux there is

interface Figures {
  firstSeconds: number;
  lastSeconds: number;
  cpuMs: number;
  requests: Map<string, number>;
}

interface Measured {
  title: string;
  create: Figures;
  roll: Figures;
  /** What is asked after the last is done: old pods go. */
  rest: Figures;
  idle: Figures;
  startMib: number;
  peakMib: number;
}

const load = (): string => `load ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores`;

console.log(`${COUNT} rollouts, ${load()} at the start`);
const lab = await startKubernetesLab({ kwok: Math.ceil((COUNT * 4) / PODS_OF_A_NODE) + 1 });
const contestants = [ours(lab, flags.profile)];
if (existsSync(pathOf('rollouts-controller'))) contestants.push(rollouts(lab, false), rollouts(lab, true));
else console.log('Argo Rollouts is not built: `npm run kubernetes:build -- argo`.');
const measured: Measured[] = [];
let running: ChildProcess | undefined;
const stopped = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(signal)));
});
try {
  await Promise.race([measureAll(), stopped]);
} finally {
  if (running) await endOf(running); // before its API server: it gives its lease back
  await lab.close();
}
print(measured);

async function measureAll(): Promise<void> {
  for (const one of contestants) {
    if (!one.title.startsWith(flags.only)) continue;
    measured.push(await measure(one));
    console.log(`${one.title} is measured, ${load()}`);
  }
}

async function measure(contestant: Contestant): Promise<Measured> {
  const kubeconfig = await lab.kubernetes.as(contestant.user, ['system:masters']);
  await contestant.prepare();
  const [program = '', ...args] = contestant.command(kubeconfig);
  const child = spawn(program, args, { stdio: 'ignore' });
  running = child;
  try {
    await contestant.leads();
    await setTimeout(3000); // Argo has no lease to tell it by
    const startMib = memoryOf(child);
    const create = await during(() => all('create', 1));
    const roll = await during(() => all('roll', 2));
    const rest = await during(() => setTimeout(REST_MS));
    const idle = await during(() => setTimeout(IDLE_MS));
    const peakMib = memoryOf(child);
    await contestant.clear();
    await gone();
    return { title: contestant.title, create, roll, rest, idle, startMib, peakMib };
  } finally {
    await endOf(child);
  }

  async function during(act: () => Promise<number | undefined>): Promise<Figures> {
    const from = lab.kubernetes.audit().length;
    const [cpu, startedAt] = [cpuOf(child), performance.now()];
    const firstAt = await act();
    const last = performance.now();
    const seconds = (at: number): number => (at - startedAt) / 1000;
    const requests = requestsSince(from, contestant.user);
    return { firstSeconds: seconds(firstAt ?? last), lastSeconds: seconds(last), cpuMs: cpuOf(child) - cpu, requests };
  }

  /** Asks for a version of all of them and waits until they are well; answers when the first was. */
  async function all(what: string, version: number): Promise<number | undefined> {
    const startedAt = performance.now();
    let toldAt = startedAt;
    const names = Array.from({ length: COUNT }, (_, index) => `bench-${index}`);
    for (let start = 0; start < COUNT; start += 10)
      await Promise.all(names.slice(start, start + 10).map((each) => contestant.deploy(each, version)));
    let first: number | undefined;
    for (;;) {
      const done = await contestant.done(version);
      const now = performance.now();
      if (done > 0) first ??= now;
      if (done === COUNT || now - toldAt > TELL_MS) {
        console.log(`${contestant.title}, ${what}: ${done} are well after ${((now - startedAt) / 1000).toFixed(0)} s`);
        toldAt = now;
      }
      if (done === COUNT) return first;
      if (hasEnded(child)) throw new Error(`${program} ended with ${child.signalCode ?? child.exitCode}`);
      await setTimeout(500);
    }
  }
}

async function gone(): Promise<void> {
  for (const kind of [DEPLOYMENTS, PODS])
    while ((await lab.cluster.list(kind, { namespace: 'speech' })).items.length > 0) await setTimeout(500);
}

function requestsSince(from: number, user: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of lab.kubernetes.audit().slice(from)) {
    const { resource, subresource } = entry.objectRef ?? {};
    if (entry.user.username !== user || resource === 'leases') continue;
    const what = `${entry.verb} ${[resource, subresource].filter(Boolean).join('/')}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}

function print(measured: Measured[]): void {
  const head = measured.map(({ title }) => title);
  const our = measured.find(({ title }) => title === 'CLOps');
  const table = new Table({ head: ['', ...head], colAligns: ['left', ...head.map(() => 'right' as const)] });
  /** One line: what each has, and for the others how many times ours that is. */
  const line = (what: string, unit: string, of: (one: Measured) => number): void => {
    const base = our ? of(our) : 0;
    const cells = measured.map((one) => {
      const ratio = one !== our && base > 0 ? ` (${(of(one) / base).toFixed(2)} × ours)` : '';
      return `${of(one).toFixed(1)} ${unit}${ratio}`;
    });
    table.push([what, ...cells]);
  };
  const sum = ({ requests }: Figures): number => [...requests.values()].reduce((all, count) => all + count, 0);
  line('create: last is well', 's', ({ create }) => create.lastSeconds);
  line('create: requests each', '', ({ create }) => sum(create) / COUNT);
  line('create: CPU each', 'ms', ({ create }) => create.cpuMs / COUNT);
  line('roll: first is well', 's', ({ roll }) => roll.firstSeconds);
  line('roll: last is well', 's', ({ roll }) => roll.lastSeconds);
  line('roll and rest: requests each', '', ({ roll, rest }) => (sum(roll) + sum(rest)) / COUNT);
  line('roll and rest: CPU each', 'ms', ({ roll, rest }) => (roll.cpuMs + rest.cpuMs) / COUNT);
  line(`idle for ${IDLE_MS / 1000} s: requests`, '', ({ idle }) => sum(idle));
  line(`idle for ${IDLE_MS / 1000} s: CPU`, 'ms', ({ idle }) => idle.cpuMs);
  line('memory before', 'MiB', ({ startMib }) => startMib);
  line('memory at most', 'MiB', ({ peakMib }) => peakMib);
  line('memory more, each', 'KiB', ({ startMib, peakMib }) => ((peakMib - startMib) * 1024) / COUNT);
  console.log(table.toString());

  const requests = new Table({ head: ['requests of one roll', ...head] });
  const counted = measured.map(({ roll, rest }) => {
    const both = new Map(roll.requests);
    for (const [what, count] of rest.requests) both.set(what, (both.get(what) ?? 0) + count);
    return both;
  });
  for (const what of [...new Set(counted.flatMap((one) => [...one.keys()]))].sort())
    requests.push([what, ...counted.map((one) => ((one.get(what) ?? 0) / COUNT).toFixed(1))]);
  console.log(requests.toString());
}

/** User and system time so far, in milliseconds. */
function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function memoryOf({ pid }: ChildProcess): number {
  const [, most = '0'] = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(most) / 1024;
}
