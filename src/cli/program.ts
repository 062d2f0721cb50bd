/** Every command, its arguments and flags, as `--help` tells them. What a command does is loaded when it is called. */
import { Command, Option } from 'commander';
import type { Context, GlobalFlags } from './context.ts';
import { EXAMPLES } from './examples.ts';
import { type Exit, MEANINGS } from './exit.ts';
import { didYouMean } from './similar.ts';

/** Does the work; answers how it ended. */
export type Handler<Flags> = (context: Context, args: string[], flags: Flags) => Promise<Exit>;

/** Which deployment is asked for by the command itself, which can name those that there are. */
const OF_ONE = '[options] <deployment>';

interface Outcome {
  exit: Exit;
}

export type Begin = (flags: GlobalFlags, waits: boolean) => Promise<Context>;

const EPILOGUE = `
Names: vad · speech/vad · vad@2 · vad@champion · an id. Data goes to stdout, progress to stderr.
Which API: CLOPS_URL, with CLOPS_TOKEN; else the instance of CLOPS_DATA_DIR or CLOPS_HTTP_PORT;
           else the one that login kept; else that of .clops in this folder
Exit codes: ${codes()}
`;

/** `0 ok · 1 failure · …`, a few on a line. */
function codes(): string {
  const all = Object.entries(MEANINGS).map(([code, meaning]) => `${code} ${meaning}`);
  const lines = [all.slice(0, 5), all.slice(5)].map((some) => some.join(' · '));
  return lines.join(`\n${' '.repeat('Exit codes: '.length)}`);
}

export function createProgram(name: string, version: string, begin: Begin, outcome: Outcome): Command {
  const program = new Command(name)
    .description('Serve machine-learning models on Kubernetes: from a file to traffic, and back.')
    .version(version, '-V, --version', 'version of this program')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError('(add --help for what this command takes)')
    .addOption(
      new Option('-o, --output <format>', 'form of the data')
        .choices(['table', 'json', 'yaml', 'name'])
        .default('table'),
    )
    .option('--team <name>', 'team; default: the only one there is')
    .option('--timeout <duration>', 'how long the command may take: 30s, 5m; 24d at most')
    .option('--no-color', 'no colours (also NO_COLOR=1)')
    .option('-q, --quiet', 'no progress and no advice on stderr')
    .addHelpText('after', EPILOGUE);

  /** `waits`: it takes as long as it takes, and only --timeout limits it. */
  const does = <Flags>(load: () => Promise<Handler<Flags>>, waits = false) =>
    async function (this: Command): Promise<void> {
      const context = await begin(this.optsWithGlobals<GlobalFlags>(), waits || this.opts()['wait'] === true);
      try {
        const args = this.processedArgs.filter((arg): arg is string => typeof arg === 'string');
        outcome.exit = await (await load())(context, args, this.opts<Record<string, unknown> & Flags>());
      } finally {
        await context.close();
      }
    };

  account(program, does);
  registry(program, does);
  serving(program, does);
  rollouts(program, does);
  insight(program, does);
  exemplify(program);
  // What a group allows, to say "unknown command" itself, its commands inherit: `deployments list mine` listed all.
  for (const one of program.commands) for (const command of one.commands) command.allowExcessArguments(false);
  return program;
}

/** Under the help of each command. */
function exemplify(program: Command): void {
  for (const one of program.commands)
    for (const command of [one, ...one.commands]) {
      const path = command === one ? one.name() : `${one.name()} ${command.name()}`;
      const example = EXAMPLES[path];
      if (example !== undefined)
        command.addHelpText('after', `\nExample:  ${program.name()} ${path} ${example}`.trimEnd());
    }
}

/** A group of commands. Its bare name does what is asked of it most: `clops models` lists them. */
function group(program: Command, name: string, description: string, list: (this: Command) => Promise<void>): Command {
  const made = program
    .command(name)
    .description(`${description}; alone: list`)
    .usage('[options] [command]')
    .allowExcessArguments()
    .action(async function (this: Command) {
      const [word] = this.args;
      if (word === undefined) return list.call(this);
      const names = made.commands.map((one) => one.name());
      this.error(`error: unknown command '${word}'.${didYouMean(word, names) || ` There are: ${names.join(', ')}.`}`);
    });
  return made;
}

type Does = <Flags>(load: () => Promise<Handler<Flags>>, waits?: boolean) => (this: Command) => Promise<void>;

function account(program: Command, does: Does): void {
  program
    .command('login')
    .description('keep address and token of an API for later commands')
    .argument('[url]', 'address of the API; default: CLOPS_URL, else this machine')
    .option(
      '--token <token>',
      'the token, which `ps` shows to everybody and the shell keeps: better leave it out, then it is asked for, or read from stdin',
    )
    .action(does(async () => (await import('./commands/login.ts')).login, true));
  program
    .command('logout')
    .description('forget what login kept')
    .action(does(async () => (await import('./commands/login.ts')).logout));
}

function registry(program: Command, does: Does): void {
  const listTeams = does(async () => (await import('./commands/teams.ts')).list);
  const teams = group(program, 'teams', 'owners of models and deployments', listTeams);
  teams.command('list').description('all teams').action(listTeams);
  teams
    .command('create')
    .description('make a team; its namespace of the cluster is made with its first deployment')
    .argument('<name>', 'lower-case letters, digits and "-"')
    .option('--display-name <text>', 'name for people')
    .action(does(async () => (await import('./commands/teams.ts')).create));
  const listModels = does(async () => (await import('./commands/models.ts')).list);
  const models = group(program, 'models', 'models and their versions', listModels);
  models
    .command('push')
    .description('register a file as a new version of a model; prints team/model@N')
    .argument('<file>', 'the artifact: model.onnx')
    .option('--name <model>', 'name of the model, made when it is new; default: from the file')
    .option('--format <format>', 'what kind of file it is; default: by its ending')
    .option('--alias <alias>', 'let this alias name the new version')
    .option('--description <text>', 'what is new in it')
    .option('--param <key=value>', 'what it was trained with (repeatable)', collect)
    .option('--metric <key=value>', 'what was measured of it offline (repeatable)', collect)
    .option('--tag <key=value>', 'a tag of the version (repeatable)', collect)
    .option('--source <repo@commit:path>', 'where its source is')
    .action(does(async () => (await import('./commands/push.ts')).push, true));
  models.command('list').description('all models').action(listModels);
  models
    .command('get')
    .description('a model with its versions, or one version')
    .argument('<model>', 'vad, vad@2 or vad@champion')
    .action(does(async () => (await import('./commands/models.ts')).get));
  models
    .command('alias')
    .description('let an alias name a version, from now on')
    .argument('<version>', 'vad@2')
    .argument('<alias>', 'champion; the one that has it loses it')
    .action(does(async () => (await import('./commands/alias.ts')).alias));
}

function serving(program: Command, does: Does): void {
  program
    .command('deploy')
    .description('serve a version; an endpoint that is there moves over to it')
    .argument('<version>', 'vad@2, vad@champion, or vad for the newest')
    .option('--name <deployment>', 'name of the deployment; default: that of the model')
    .option('--replicas <number>', 'how many')
    .option('--cpu <quantity>', 'of each replica: 500m, 2')
    .option('--memory <quantity>', 'of each replica: 512Mi')
    .option('--gpus <number>', 'of each replica')
    .option('--runtime <name>', 'ServingRuntime; default: one for the format')
    .option('--canary <steps>', 'with steps: 10,pause:30s,50,pause')
    .option('--rolling', 'without steps')
    .option('--file <strategy.yaml>', 'strategy as in StrategyInput of the schema')
    .option('--wait', 'until it serves, as `clops status` does')
    .action(does(async () => (await import('./commands/deploy.ts')).deploy, true));
  program
    .command('predict')
    .description('ask a deployment, over the Open Inference Protocol')
    .argument('[deployment]')
    .usage(OF_ONE)
    .option('--input <file>', 'request as JSON, - for stdin; default: zeros, where the signature leaves no size free')
    .option('--data <name=json>', 'one input tensor: x=[1,2,3] (repeatable)', collect)
    .option('--shape <name=sizes>', 'zeros of this shape for one input tensor: x=1,512 (repeatable)', collect)
    .action(does(async () => (await import('./commands/predict.ts')).predict));
  program
    .command('status')
    .description('wait until a deployment is healthy, has failed, or waits for a person')
    .argument('[deployment]')
    .usage(OF_ONE)
    .action(does(async () => (await import('./commands/status.ts')).status, true));
  program
    .command('logs')
    .description('what the replicas of a deployment say, each line behind the name of its replica')
    .argument('[deployment]')
    .usage(OF_ONE)
    .option('-f, --follow', 'and what they say from now on; Ctrl-C detaches')
    .option('--tail <number>', 'how many of the last lines of each, 0 to 5000', '100')
    .option('--replica <name>', 'only this one')
    .option(
      '--raw',
      'lines as they are; else control characters are written out, and a JSON record is time, level, message, fields',
    )
    .action(does(async () => (await import('./commands/logs.ts')).logs, true));
  const list = does(async () => (await import('./commands/deployments.ts')).list);
  const deployments = group(program, 'deployments', 'what is served', list);
  deployments.command('list').description('all deployments').action(list);
  deployments
    .command('get')
    .description('one deployment')
    .argument('[deployment]')
    .usage(OF_ONE)
    .action(does(async () => (await import('./commands/deployments.ts')).get));
  deployments
    .command('delete')
    .description('take a deployment and its endpoint away')
    .argument('[deployment]')
    .usage(OF_ONE)
    .option('-y, --yes', 'do not ask')
    .option('--wait', 'until it is gone')
    .action(does(async () => (await import('./commands/deployments.ts')).remove, true));
}

function rollouts(program: Command, does: Does): void {
  const list = does(async () => (await import('./commands/rollouts.ts')).list);
  const passages = group(program, 'rollouts', 'the passages from one version to another', list);
  passages.command('list').description('rollouts, newest first').argument('[deployment]').action(list);
  passages
    .command('get')
    .description('how the present rollout stands; of an id: what happened in that one')
    .argument('[deployment]', 'a deployment, or the id of a rollout')
    .usage(OF_ONE)
    .action(does(async () => (await import('./commands/rollouts.ts')).get));
  passages
    .command('watch')
    .description('the same, live; Ctrl-C detaches. In a pipe: a line for each event, until nothing rolls out')
    .argument('[deployment]', 'a deployment, or the id of a rollout: then until it has ended')
    .usage(OF_ONE)
    .action(does(async () => (await import('./commands/rollouts.ts')).watch, true));

  const verb = (name: 'promote' | 'pause' | 'resume' | 'abort' | 'retry', what: string): Command =>
    program
      .command(name)
      .description(what)
      .argument('[deployment]', 'a deployment, or the id of its rollout')
      .usage(OF_ONE)
      .option('--reason <text>', 'why, for the log')
      .option('--wait', 'until it has ended or waits for a person, as `clops status` does')
      .action(does(async () => (await import('./commands/verbs.ts'))[name]));
  verb('promote', 'go on to the next step').option(
    '--full',
    'past all steps and checks: everything to the new version now',
  );
  verb('pause', 'hold the rollout where it is');
  verb('resume', 'let a held rollout go on');
  verb('abort', 'give all traffic back to what was stable');
  verb('retry', 'start an aborted rollout again');
  program
    .command('rollback')
    .description('go back to a revision that was stable')
    .argument('[deployment]')
    .usage(OF_ONE)
    .option('--to-revision <number>', 'which; default: the last one before the present')
    .option('--reason <text>', 'why, for the log')
    .option('--wait', 'until it has ended, as `clops status` does')
    .action(does(async () => (await import('./commands/verbs.ts')).rollback));
}

function insight(program: Command, does: Does): void {
  program
    .command('nodes')
    .description('nodes and their GPUs')
    .option('--free', 'only those with a free GPU')
    .action(does(async () => (await import('./commands/nodes.ts')).nodes));
  program
    .command('events')
    .description('what happened, in order')
    .option('-f, --follow', 'and what happens from now on')
    .option('--after <cursor>', 'go on behind this one')
    .option('--type <type>', 'only these, rollout.* for several (repeatable)', collect)
    .option('--deployment <deployment>', 'only what is about it')
    .option('--last <number>', 'how many of the past, 1 to 100', '20')
    .option('--all', 'also each change of a condition')
    .action(does(async () => (await import('./commands/events.ts')).events, true));
  program
    .command('doctor')
    .description('whether everything a command needs is there')
    .action(does(async () => (await import('./commands/doctor.ts')).doctor));
}

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
