/** What the processes of an instance cost, as Linux counts it. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  pid: number;
  /** `platform`, `cluster`, `node`, `postgres`, `model server`. */
  part: string;
  /** Processor time since its start in seconds, with that of its children that have ended. */
  cpu: number;
  rssMb: number;
  /** Resident, with what several processes share divided between them. */
  pssMb: number;
}

const TICKS_A_SECOND = 100;

/** All processes of the instance whose platform is `pid`; Postgres is no child of it, so it is known by its folder. */
export function usageOf(pid: number, postgresPid: number): Usage[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)));
  const family = new Set([pid, postgresPid]);
  for (let size = 0; size < family.size; ) {
    size = family.size;
    for (const one of all) if (family.has(one.parent)) family.add(one.pid);
  }
  return all.filter((one) => family.has(one.pid)).map((one) => ({ ...one, ...memoryOf(one.pid) }));
}

function processOf(pid: number): { pid: number; parent: number; part: string; cpu: number }[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), part: partOf(args), cpu: ticks / TICKS_A_SECOND }];
  } catch {
    return []; // It ended while we looked.
  }
}

function partOf(args: readonly string[]): string {
  if (/postgres/.test(args[0] ?? '')) return 'postgres';
  const role = args[args.findIndex((arg) => /main\.js$/.test(arg)) + 1] ?? '';
  return { all: 'platform', 'model-server': 'model server', 'fetch-artifact': 'model server' }[role] ?? role;
}

function memoryOf(pid: number): { rssMb: number; pssMb: number } {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const mb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
    return { rssMb: mb('Rss'), pssMb: mb('Pss') };
  } catch {
    return { rssMb: 0, pssMb: 0 };
  }
}

export function total(usage: readonly Usage[]): { cpu: number; rssMb: number; pssMb: number; count: number } {
  const sum = { cpu: 0, rssMb: 0, pssMb: 0, count: usage.length };
  for (const { cpu, rssMb, pssMb } of usage) {
    sum.cpu += cpu;
    sum.rssMb += rssMb;
    sum.pssMb += pssMb;
  }
  return sum;
}
