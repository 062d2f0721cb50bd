/** What every command has at hand: flags that all share, the client, and where to write what. */
import type { ClopsClient, ClopsFault, TypedDocument } from '../client/index.ts';
import type { ClientConfig } from '../config.ts';
import { LONGEST_TIMER_MS } from '../lib/clock.ts';
import { findPlace, type Place } from './connection.ts';
import type { Io } from './io.ts';
import { missingLines } from './missing.ts';
import { createPaint, type Paint } from './shown/paint.ts';
import { durationMs } from './shown/text.ts';
import { asTyped, calledAs } from './typed.ts';

export type Format = 'table' | 'json' | 'yaml' | 'name';

/** As commander reads them. */
export interface GlobalFlags {
  output: Format;
  team?: string;
  color: boolean;
  quiet?: boolean;
  timeout?: string;
}

/** One result in all its forms. `data` is what the API answered: stable, as the schema is. */
export interface Shown {
  data: unknown;
  table: () => string | Promise<string>;
  /** What identifies it in another command, one a line. */
  names: readonly string[];
}

export interface Context {
  readonly io: Io;
  readonly config: ClientConfig;
  readonly format: Format;
  /** Of `--team`. */
  readonly team: string | undefined;
  /** Of `--timeout`, in milliseconds. */
  readonly timeoutMs: number | undefined;
  /** Aborted by Ctrl-C and when the time is up. */
  readonly signal: AbortSignal;
  /** For what goes to stdout. */
  readonly paint: Paint;
  readonly quiet: boolean;
  /** How this program is called here: `clops`, `npx clops`. */
  readonly program: string;
  place(): Promise<Place>;
  /** What it answers may be written to a terminal, unless the output is JSON or YAML. */
  client(): Promise<ClopsClient>;
  /** What it answers is as it was sent: for what is asked to be shown raw. */
  rawClient(): Promise<ClopsClient>;
  /** One document, until the time is up. What the cluster or the metrics could not say is missing, and is noted. */
  ask<Result, Variables>(document: TypedDocument<Result, Variables>, variables: Variables): Promise<Result>;
  show(shown: Shown): Promise<void>;
  /** A line of data. */
  print(line: string): void;
  /** A line of progress or advice; nothing with --quiet. */
  note(line: string): void;
  /** Told about lost and found connections of streams. */
  onConnection: (connected: boolean) => void;
  close(): Promise<void>;
}

/** How long a command that only asks may take, when nobody says otherwise. */
const ASKING_MS = 30_000;

/** `waits`: it is meant to take its time (a watch, an upload), so only `--timeout` limits it. */
export async function createContext(io: Io, flags: GlobalFlags, waits: boolean): Promise<Context> {
  // Not at the head of the file: it would cost `clops --help` as much again as all the rest.
  const { readClientConfig } = await import('../config.ts');
  const config = readClientConfig(io.env);
  const timeoutMs = flags.timeout === undefined ? undefined : durationMs(flags.timeout, '--timeout', LONGEST_TIMER_MS);
  const limit = timeoutMs ?? (waits ? undefined : ASKING_MS);
  const signal = limit === undefined ? io.interrupt : AbortSignal.any([io.interrupt, AbortSignal.timeout(limit)]);
  const color = flags.color && (config.color ?? io.out.isTTY === true);
  const program = calledAs(io.script, config.npmCommand);
  let place: Promise<Place> | undefined;
  let raw: Promise<ClopsClient> | undefined;
  let client: Promise<ClopsClient> | undefined;

  const context: Context = {
    io,
    config,
    format: flags.output,
    team: flags.team,
    timeoutMs,
    signal,
    paint: createPaint(color && flags.output === 'table'),
    quiet: flags.quiet === true,
    program,
    onConnection: () => {},
    place: () => (place ??= findPlace(config)),
    rawClient() {
      raw ??= (async () => {
        const [{ createClopsClient }, { url, token }] = await Promise.all([
          import('../client/index.ts'),
          context.place(),
        ]);
        return createClopsClient({ url, token, onConnection: (connected) => context.onConnection(connected) });
      })();
      return raw;
    },
    client() {
      if (flags.output === 'json' || flags.output === 'yaml') return context.rawClient();
      client ??= (async () => {
        const [{ forPeople }, made] = await Promise.all([import('./forPeople.ts'), context.rawClient()]);
        return forPeople(made);
      })();
      return client;
    },
    async ask(document, variables) {
      const faults: ClopsFault[] = [];
      const onPartial = (fault: ClopsFault): void => void faults.push(fault);
      const answer = await (await context.client()).request(document, variables, { signal, onPartial });
      for (const line of missingLines(faults)) context.note(line);
      return answer;
    },
    async show(shown) {
      context.print(await rendered(context.format, shown));
    },
    print: (line) => void (line !== '' && io.out.write(`${line}\n`)),
    note: (line) => void (context.quiet || io.err.write(`${asTyped(line, program)}\n`)),
    async close() {
      await (await raw?.catch(() => undefined))?.close();
    },
  };
  return context;
}

async function rendered(format: Format, { data, table, names }: Shown): Promise<string> {
  switch (format) {
    case 'json':
      return JSON.stringify(data, null, 2);
    case 'yaml':
      return (await import('yaml')).stringify(data).trimEnd();
    case 'name':
      return names.join('\n');
    case 'table':
      return table();
  }
}
