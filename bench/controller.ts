/**
 * Our controller beside Argo Rollouts' on the same real Kubernetes with pretended nodes: so many canaries of two replicas are
 * made and then all rolled at once (`setWeight 50`, `pause 1 s`). One after the other, in the same cluster.
 *
 *   node bench/controller.ts [--count=50] [--argo=PROGRAM --argo-crds=FOLDER]
 *
 * Without --argo only ours is measured. Requests are those that the API server's audit log has of the controller's user, its
 * lease not among them. Ours has a route for each, accepted at once by a gateway that counts nothing; Argo has none and
 * divides by pods, which is less work. Needs Linux and `npm run kubernetes:build`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { DEPLOYMENTS } from '../src/platform/cluster/resources.ts';
import { startKubernetesLab } from '../test/kubernetes/controllerLab.ts';
import { type Contestant, ours, rollouts } from './controller/contestants.ts';

const { values: flags } = parseArgs({
  options: { count: { type: 'string', default: '50' }, argo: { type: 'string' }, 'argo-crds': { type: 'string' } },
});
const COUNT = Number(flags.count);
const PODS_OF_A_NODE = 100;
const IDLE_MS = 20_000;
const TICK_MS = 10; // USER_HZ is 100 on every Linux there is

interface Figures {
  phase: string;
  firstSeconds: number;
  lastSeconds: number;
  cpuMs: number;
  requests: Map<string, number>;
}

const lab = await startKubernetesLab({ kwok: Math.ceil((COUNT * 4) / PODS_OF_A_NODE) + 1 });
const contestants: Contestant[] = [ours(lab)];
if (flags.argo && flags['argo-crds']) contestants.push(rollouts(lab, flags.argo, flags['argo-crds']));
try {
  for (const contestant of contestants) await measure(contestant);
} finally {
  await lab.close();
}

async function measure(contestant: Contestant): Promise<void> {
  const kubeconfig = await lab.kubernetes.as(contestant.user, ['system:masters']);
  await contestant.prepare();
  const [program = '', ...args] = contestant.command(kubeconfig);
  const child = spawn(program, args, { stdio: 'ignore' });
  try {
    await contestant.leads();
    const phases = [await phase('create', 1), await phase('roll', 2), await idle()];
    print(contestant, phases, child);
    await contestant.clear();
    await gone();
  } finally {
    child.kill('SIGTERM');
  }

  async function phase(name: string, version: number): Promise<Figures> {
    const from = lab.kubernetes.audit().length;
    const [cpu, startedAt] = [cpuOf(child), performance.now()];
    const names = Array.from({ length: COUNT }, (_, index) => `bench-${index}`);
    for (let start = 0; start < COUNT; start += 10)
      await Promise.all(names.slice(start, start + 10).map((each) => contestant.deploy(each, version)));
    let first: number | undefined;
    for (;;) {
      const done = await contestant.done(version);
      if (done > 0) first ??= performance.now();
      if (done === COUNT) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const last = performance.now();
    const seconds = (at: number): number => (at - startedAt) / 1000;
    const requests = requestsSince(from);
    return {
      phase: name,
      firstSeconds: seconds(first ?? last),
      lastSeconds: seconds(last),
      cpuMs: cpuOf(child) - cpu,
      requests,
    };
  }

  /** What is left to do after a roll (old pods) is over before it counts as idle. */
  async function idle(): Promise<Figures> {
    await new Promise((resolve) => setTimeout(resolve, 40_000));
    const [cpu, from] = [cpuOf(child), lab.kubernetes.audit().length];
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const seconds = IDLE_MS / 1000;
    return {
      phase: 'idle',
      firstSeconds: seconds,
      lastSeconds: seconds,
      cpuMs: cpuOf(child) - cpu,
      requests: requestsSince(from),
    };
  }

  function requestsSince(from: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { user, verb, objectRef } of lab.kubernetes.audit().slice(from)) {
      if (user.username !== contestant.user || objectRef?.resource === 'leases') continue;
      const what = [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/');
      counts.set(`${verb} ${what}`, (counts.get(`${verb} ${what}`) ?? 0) + 1);
    }
    return counts;
  }
}

async function gone(): Promise<void> {
  while ((await lab.cluster.list(DEPLOYMENTS, { namespace: 'speech' })).items.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 500));
}

function print({ title }: Contestant, phases: Figures[], child: ChildProcess): void {
  const table = new Table({ head: [title, 'first done', 'last done', 'requests each', 'CPU each'] });
  for (const { phase, firstSeconds, lastSeconds, cpuMs, requests } of phases) {
    const all = [...requests.values()].reduce((sum, count) => sum + count, 0);
    const words = [`${firstSeconds.toFixed(1)} s`, `${lastSeconds.toFixed(1)} s`, (all / COUNT).toFixed(1)];
    table.push([phase, ...words, `${(cpuMs / COUNT).toFixed(1)} ms`]);
  }
  console.log(table.toString());
  console.log(`memory at most: ${memoryOf(child)} MiB`);
  const roll = phases.find(({ phase }) => phase === 'roll')?.requests ?? new Map<string, number>();
  for (const [what, count] of [...roll].sort(([, a], [, b]) => b - a))
    console.log(`  ${(count / COUNT).toFixed(1)} ${what}`);
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
  return Math.round(Number(most) / 1024);
}
