/**
 * Builds the programs from pinned Go modules into a cache outside of the tree, each at a place named by what it is made
 * of, so that one that is there is the right one. Only what is asked for and missing is built.
 *
 * Settings: `CLOPS_KUBERNETES_CACHE` (default: `clops-kubernetes` in `XDG_CACHE_HOME` or `~/.cache`) and
 * `CLOPS_KUBERNETES_VERSION` (another version than the pinned one gets its go.mod made in the cache).
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  DEFAULT_VERSION,
  GATEWAY_API,
  PROGRAMS,
  PROMETHEUS_OPERATOR,
  type ProgramName,
  SETS,
  type SetName,
} from './programs.ts';

/** Go says nothing while it compiles: a line this often, as `npm start` has. */
const LIFE_MS = 30_000;

const exec = promisify(execFile);
const MODULES = join(import.meta.dirname, '..', 'modules');

export const CACHE =
  process.env['CLOPS_KUBERNETES_CACHE'] ||
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'clops-kubernetes');
export const VERSION = process.env['CLOPS_KUBERNETES_VERSION'] || DEFAULT_VERSION;

/**
 * The person's own flags and workspace must not reach these builds: `-mod=mod` would rewrite the pinned go.mod, a
 * workspace would add modules. Without cgo the programs are static and run in any image.
 */
const GO_ENV = {
  ...process.env,
  GOFLAGS: '-mod=readonly -buildvcs=false',
  GOWORK: 'off',
  GOTOOLCHAIN: 'local',
  CGO_ENABLED: '0',
};

const moduleDir = (module: string): string =>
  module === 'kubernetes' && VERSION !== DEFAULT_VERSION
    ? join(CACHE, 'modules', `kubernetes-${VERSION}`)
    : join(MODULES, module);

/** Where a program is or will be. Everything of one module lies in one folder, which is good for a PATH. */
export function pathOf(name: ProgramName): string {
  const { module } = PROGRAMS[name];
  return join(CACHE, 'bin', `${module}-${module === 'kubernetes' ? `${VERSION}-` : ''}${hashOf(module)}`, name);
}

export const missingPrograms = (sets: readonly SetName[]): ProgramName[] =>
  sets.flatMap((set): readonly ProgramName[] => SETS[set]).filter((name) => !existsSync(pathOf(name)));

export async function build(sets: readonly SetName[], say: (line: string) => void): Promise<void> {
  if (VERSION !== DEFAULT_VERSION) await writeModuleOf(VERSION, say);
  const missing = missingPrograms(sets);
  if (missing.length > 0) say(`${whatIsToBeBuilt(missing)} on two cores; what is built stays (${CACHE})`);
  for (const [i, name] of missing.entries()) {
    const program = PROGRAMS[name];
    say(`building ${name}, ${i + 1} of ${missing.length} (about ${inWords(program.takesS)})`);
    const began = performance.now();
    const path = pathOf(name);
    await mkdir(join(path, '..'), { recursive: true });
    const draft = `${path}.${process.pid}.tmp`;
    const life = setInterval(() => say(`  … ${Math.round((performance.now() - began) / 1000)} s`), LIFE_MS);
    try {
      await go(moduleDir(program.module), 'build', '-trimpath', '-ldflags', ldflags(), '-o', draft, program.package);
      await rename(draft, path);
    } finally {
      clearInterval(life);
      await rm(draft, { force: true });
    }
    say(`built ${name} in ${Math.round((performance.now() - began) / 1000)} s`);
  }
  for (const set of sets) await FILES[set]?.();
}

const inWords = (seconds: number): string => (seconds < 60 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`);

/** `5 programs are to be built, 7 to 10 minutes`: as measured, and half as much again for a machine that is busy. */
function whatIsToBeBuilt(names: readonly ProgramName[]): string {
  const seconds = names.reduce((sum, name) => sum + PROGRAMS[name].takesS, 0);
  const [least, most] = [seconds, 1.5 * seconds].map((time) => Math.ceil(time / 60));
  const time = seconds < 60 ? 'about a minute' : `${least} to ${most} minutes`;
  return `${names.length} program${names.length === 1 ? ' is' : 's are'} to be built, ${time}`;
}

/** The folder with the published definitions of the Gateway API. */
export const gatewayApiCrds = (): Promise<string> => kept(GATEWAY_API, 'config/crd/standard');

/** The folder with those of the Prometheus operator. */
export const prometheusOperatorCrds = (): Promise<string> =>
  kept(PROMETHEUS_OPERATOR, 'example/prometheus-operator-crd');

/** The file with the rights that Traefik's own manual gives it. */
export const traefikRights = (): Promise<string> =>
  kept(
    pinned('traefik', 'github.com/traefik/traefik/v3'),
    'docs/content/reference/dynamic-configuration/kubernetes-gateway-rbac.yml',
  );

/** The folder with Argo Rollouts' manifests. */
export const argoManifests = (): Promise<string> =>
  kept(pinned('argo-rollouts', 'github.com/argoproj/argo-rollouts'), 'manifests');

/** What a set needs beside its programs. */
const FILES: { readonly [name in SetName]?: () => Promise<string> } = {
  'control-plane': gatewayApiCrds,
  chart: prometheusOperatorCrds,
  traefik: traefikRights,
  argo: argoManifests,
};

/** A file or folder of a module that is not Go, beside the programs: the module's own copy is gone with Go's cache. */
async function kept(module: string, path: string): Promise<string> {
  const place = join(CACHE, 'bin', 'files', module.replaceAll('/', '+'), path);
  if (existsSync(place)) return place;
  const from = join(await downloaded(module, 'Dir'), path);
  const draft = `${place}.${process.pid}.tmp`;
  try {
    await cp(from, draft, { recursive: true });
    await rename(draft, place);
  } catch (error) {
    if (!existsSync(place)) throw error; // another process was quicker
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return place;
}

/** `PATH@VERSION` as the go.mod of one of our modules has it. */
function pinned(module: string, path: string): string {
  const version = new RegExp(`\\b${path} (v\\S+)`).exec(readFileSync(join(moduleDir(module), 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error(`The go.mod of ${module} does not require ${path}.`);
  return `${path}@${version}`;
}

function hashOf(module: string): string {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch} ${ldflags()}\n`);
  const dir = moduleDir(module);
  if (!existsSync(dir)) return 'none';
  for (const file of readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort())
    if (/\.(go|mod|sum)$/.test(file)) hash.update(`${file}\n`).update(readFileSync(join(dir, file)));
  return hash.digest('hex').slice(0, 12);
}

/** `kubectl version` says which Kubernetes it is; the date is fixed so that the same sources give the same bytes. */
function ldflags(): string {
  const [major, minor] = VERSION.slice(1).split('.');
  const set = { gitVersion: VERSION, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const stamps = Object.entries({ ...set, buildDate: '1970-01-01T00:00:00Z' });
  return ['-s -w', ...stamps.map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`)].join(' ');
}

/** Runs go where a person at the machine does not feel it. Its own words are shown as they come. */
function go(cwd: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nice', ['-n', '10', 'go', ...args], { cwd, env: GO_ENV, stdio: ['ignore', 2, 'pipe'] });
    let tail = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8').replace(/^go: downloading .*\n/gm, '')).slice(-8000);
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`go ${args[0]} ${args.at(-1)} failed:\n${tail.trim()}`)),
    );
  });
}

async function downloaded(module: string, field: 'Dir' | 'GoMod'): Promise<string> {
  const env = { ...GO_ENV, GOFLAGS: '-mod=mod' }; // outside of any module there is no go.mod to hold still
  const args = ['mod', 'download', '-json', module];
  const { stdout } = await exec('go', args, { cwd: tmpdir(), env }).catch((error: { stdout?: string }) => {
    throw new Error(`${module} could not be downloaded:\n${error.stdout?.trim() || String(error)}`);
  });
  return (JSON.parse(stdout) as { Dir: string; GoMod: string })[field];
}

/**
 * A go.mod for another version. Kubernetes' own replaces its parts by folders that its published module lacks, and
 * replacements count in the main module only: so each is replaced by the version published with it (1.34.4 → 0.34.4).
 */
async function writeModuleOf(version: string, say: (line: string) => void): Promise<void> {
  if (!/^v1\.\d+\.\d+$/.test(version))
    throw new Error(`CLOPS_KUBERNETES_VERSION=${version} is not a version like ${DEFAULT_VERSION}.`);
  const dir = moduleDir('kubernetes');
  if (existsSync(join(dir, 'go.sum'))) return;
  say(`working out the modules of Kubernetes ${version}`);
  const published = readFileSync(await downloaded(`k8s.io/kubernetes@${version}`, 'GoMod'), 'utf8');
  const parts = [...published.matchAll(/^\s*(k8s\.io\/[a-z-]+) => \.\/staging\/src/gm)].map(([, part]) => part);
  const tools = Object.values(PROGRAMS).filter(({ module }) => module === 'kubernetes');
  const lines = [
    'module clops.invalid/kubernetes',
    /^go .*$/m.exec(published)?.[0] ?? 'go 1.24.0',
    /^godebug default=.*$/m.exec(published)?.[0] ?? '',
    ...tools.map((tool) => `tool ${tool.package}`),
    `require k8s.io/kubernetes ${version}`,
    ...parts.map((part) => `replace ${part} => ${part} v0.${version.slice(3)}`),
  ];
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'go.mod'), `${lines.join('\n')}\n`);
  await go(dir, 'mod', 'tidy');
}
