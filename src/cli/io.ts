/** What a command reads and writes, so that it can run in a test as it does on a terminal. */
import type { Readable, Writable } from 'node:stream';
import { CliError, EXIT } from './exit.ts';

export interface Io {
  /** Data. `isTTY` decides whether a picture is redrawn in place. */
  out: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  /** Progress, hints, errors. */
  err: Writable & { isTTY?: boolean; columns?: number };
  in: Readable & { isTTY?: boolean };
  /** Aborted by Ctrl-C. */
  interrupt: AbortSignal;
  /** The environment; that of the process when absent. */
  env?: NodeJS.ProcessEnv;
  /** The file that was started, argv[1]: hints are said as this program was called. */
  script?: string | undefined;
}

/** Why an interrupt came that nobody typed: who read the output has read enough. */
export const PIPE_CLOSED = 'the pipe was closed';

/** The terminal of this process. A second Ctrl-C ends it at once. */
export function terminal(): Io {
  const interrupt = new AbortController();
  // Not `once`: who restores the cursor at the end asks whether anybody else listens, and ended the program here.
  const onInterrupt = (): void => {
    interrupt.abort();
    setImmediate(() => process.off('SIGINT', onInterrupt));
  };
  process.on('SIGINT', onInterrupt);
  // `clops events | head` closes the pipe: that is an end, not an error.
  const onClosed = (end: () => void) => (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    end();
  };
  process.stdout.on(
    'error',
    onClosed(() => interrupt.abort(PIPE_CLOSED)),
  );
  process.stderr.on(
    'error',
    onClosed(() => {}),
  );
  const { stdout: out, stderr: err, stdin, argv, argv0 } = process;
  // bin/clops.js hands on how it was called where it had to start another Node.
  const script = /clops(\.js)?$/.test(argv0) ? argv0 : argv[1];
  return { out, err, in: stdin, interrupt: interrupt.signal, script };
}

/** One line that a person types. `secret` is not echoed. */
export async function ask(io: Io, question: string, options: { secret?: boolean } = {}): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const { Writable: Sink } = await import('node:stream');
  if (options.secret) io.err.write(question);
  // With a terminal of its own readline echoes: a secret is echoed into nothing.
  const output = options.secret ? new Sink({ write: (_chunk, _encoding, done) => done() }) : io.err;
  const reader = createInterface({ input: io.in, output, terminal: io.in.isTTY === true });
  try {
    return (await reader.question(options.secret ? '' : question, { signal: io.interrupt })).trim();
  } catch (error) {
    // While it reads, readline takes Ctrl-C for itself.
    if (error instanceof Error && error.name === 'AbortError') throw new CliError(EXIT.interrupted, 'Interrupted.');
    throw error;
  } finally {
    reader.close();
    if (options.secret) io.err.write('\n');
  }
}

/** All of a stream, up to a limit. */
export async function readAll(stream: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) throw new RangeError(`The input is longer than ${maxBytes} bytes.`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
