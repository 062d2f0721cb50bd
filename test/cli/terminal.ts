/** The command line in a test: the words go in, what it wrote and its exit code come out. */
import { Readable, Writable } from 'node:stream';
import type { Exit } from '../../src/cli/exit.ts';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';

export interface Ran {
  exit: Exit;
  out: string;
  err: string;
}

export interface Running {
  done: Promise<Ran>;
  out(): string;
  err(): string;
  /** What Ctrl-C does. */
  interrupt(): void;
}

export interface Options {
  env: NodeJS.ProcessEnv;
  input?: string;
  /** The columns of a terminal; absent where output is piped. */
  columns?: number;
}

export function start(args: readonly string[], { env, input, columns }: Options): Running {
  const sink = (): { stream: Io['out']; text: () => string } => {
    let text = '';
    const stream: Io['out'] = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
    if (columns !== undefined) Object.assign(stream, { isTTY: true, columns, rows: 60 });
    return { stream, text: () => text };
  };
  const [out, err] = [sink(), sink()];
  const interrupt = new AbortController();
  const io: Io = {
    out: out.stream,
    err: err.stream,
    in: Readable.from(input === undefined ? [] : [input]),
    interrupt: interrupt.signal,
    env,
  };
  const done = run(args, io).then((exit) => ({ exit, out: out.text(), err: err.text() }));
  return { done, out: out.text, err: err.text, interrupt: () => interrupt.abort() };
}

export const clops = (args: readonly string[], options: Options): Promise<Ran> => start(args, options).done;
