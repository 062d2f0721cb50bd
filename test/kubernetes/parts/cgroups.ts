/** The control groups under which a node's pods are counted and limited, in each hierarchy that this machine has. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
const isUnified = (): boolean => existsSync(join(ROOT, 'cgroup.controllers'));

export const cgroupOf = (cluster: string, node: number): string => `clops-${cluster}-${node}`;

const hierarchies = (): string[] =>
  isUnified()
    ? [ROOT]
    : readdirSync(ROOT, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(ROOT, name));

export function makeCgroup(name: string): void {
  if (isUnified()) writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+cpuset +cpu +memory +pids');
  for (const hierarchy of hierarchies()) {
    mkdirSync(join(hierarchy, name), { recursive: true });
    // In the old hierarchy a new group has no processor at all, and nothing can be put into it.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (!isUnified() && existsSync(join(hierarchy, file)))
        writeFileSync(join(hierarchy, name, file), readFileSync(join(hierarchy, file)));
  }
}

/** Groups of a cluster that are there, as paths. */
export const cgroupsOf = (cluster: string): string[] =>
  hierarchies().flatMap((hierarchy) =>
    readdirSync(hierarchy)
      .filter((name) => name.startsWith(`clops-${cluster}-`) && /^\d+$/.test(name.slice(`clops-${cluster}-`.length)))
      .map((name) => join(hierarchy, name)),
  );

/** Their processes have ended; the kernel may still count some of them for a moment. */
export async function removeCgroups(cluster: string): Promise<void> {
  for (const deadline = performance.now() + 10_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const left = cgroupsOf(cluster);
    try {
      for (const path of left) removeTree(path);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

function removeTree(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  rmdirSync(path);
}
