/** What a person types: `npm run kubernetes:build | up | shell | down | demo`. See docs/kubernetes.md. */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { build, pathOf } from './build/build.ts';
import { SETS, type SetName, TESTED } from './build/programs.ts';
import { clusters, findKubernetes, type KubernetesOptions, remove, startKubernetes } from './cluster.ts';
import { missingOnMachine, setsOf } from './parts/missing.ts';

const say = (line: string): void => console.error(line);

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  async build(args) {
    const unknown = args.filter((name) => !(name in SETS));
    if (unknown.length > 0)
      throw new Error(`There is nothing to build by the name ${unknown.join(', ')}: ${Object.keys(SETS).join(', ')}.`);
    const missing = missingOnMachine({});
    if (missing) throw new Error(missing);
    await build(args.length > 0 ? (args as SetName[]) : runnable(), say);
    say('everything asked for is built');
  },

  async up(args) {
    const { values } = parseArgs({
      args,
      options: {
        name: { type: 'string', default: 'dev' },
        nodes: { type: 'string', default: '0' },
        kwok: { type: 'string', default: '0' },
        traefik: { type: 'boolean', default: false },
        dns: { type: 'boolean', default: false },
      },
    });
    const { name, traefik, dns } = values;
    const options: KubernetesOptions = {
      name,
      traefik,
      dns,
      keep: true,
      nodes: count('nodes', values.nodes, 5),
      kwok: count('kwok', values.kwok, 1000),
    };
    if (findKubernetes(name) && args.some((given) => !given.startsWith('--name')))
      throw new Error(`Cluster ${name} is there already and keeps its shape: \`${downOf(name)}\` first.`);
    const missing = missingOnMachine(options);
    if (missing) throw new Error(missing);
    await build(setsOf(options), say);
    const { url, kubeconfig, gateway } = await startKubernetes(options);
    say(`cluster ${name} is up at ${url}${gateway ? `, Traefik at ${gateway}` : ''}`);
    say(`  npm run kubernetes:shell -- ${name === 'dev' ? '' : `--name=${name} `}kubectl get nodes`);
    say(`  ${downOf(name)}`);
    console.log(`KUBECONFIG=${kubeconfig}`);
  },

  async shell(args) {
    const { name, rest } = named(args);
    const found = findKubernetes(name);
    if (!found) throw new Error(`There is no cluster ${name}: \`npm run kubernetes:up\`.`);
    const command = rest.length > 0 ? rest : [process.env['SHELL'] || 'sh'];
    const [program = '', ...more] = [...found.enter, ...command];
    const path = `${pathOf('kubectl').replace(/\/kubectl$/, '')}:${process.env['PATH']}`;
    const env = { ...process.env, PATH: path, KUBECONFIG: found.kubeconfig };
    process.exitCode = await new Promise<number>((resolve, reject) => {
      const child = spawn(program, more, { stdio: 'inherit', env });
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? 1));
    });
  },

  async down(args) {
    const { values } = parseArgs({
      args,
      options: { name: { type: 'string', default: 'dev' }, all: { type: 'boolean', default: false } },
    });
    if (!values.all && !clusters().includes(values.name))
      throw new Error(`There is no cluster ${values.name}${others(clusters())}.`);
    for (const each of values.all ? clusters() : [values.name]) await remove(each);
  },

  async demo(args) {
    parseArgs({ args, options: {} }); // it takes none, and a word too many costs a cluster
    const { demo } = await import('./demo.ts');
    await demo(say);
  },
};

/** All of it that this machine can run. */
function runnable(): readonly SetName[] {
  const missing = missingOnMachine({ nodes: 1 });
  if (missing === undefined) return TESTED;
  say(`only what runs without containers is built: ${missing}`);
  return ['control-plane', 'kwok'];
}

const [command = '', ...args] = process.argv.slice(2);
try {
  const run = COMMANDS[command];
  if (!run) throw new Error(`There is no command "${command}": ${Object.keys(COMMANDS).join(', ')}.`);
  await run(args);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** `--name=x` or `--name x` counts before the command only, so that the command's own words stay whole. */
function named([first = '', ...rest]: readonly string[]): { name: string; rest: string[] } {
  if (first === '--name') return { name: rest[0] ?? '', rest: rest.slice(1) };
  const given = /^--name=(.+)$/.exec(first)?.[1];
  return given === undefined ? { name: 'dev', rest: first ? [first, ...rest] : [] } : { name: given, rest };
}

function downOf(name: string): string {
  return `npm run kubernetes:down${name === 'dev' ? '' : ` -- --name=${name}`}`;
}

function others(names: readonly string[]): string {
  return names.length === 0 ? ', nor any other' : `, only ${names.join(', ')}`;
}

function count(what: string, text: string, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > most)
    throw new Error(`--${what}=${text} is not a number from 0 to ${most}.`);
  return number;
}
