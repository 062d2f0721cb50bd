/** A bench's processes: an answer of one, or why there will be none; and its end. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** Asks, and waits for the next message. Of one that ends instead there is none: a bench once waited for it for ever. */
export async function answerOf<T>(child: ChildProcess, ask?: object | string): Promise<T> {
  const ended = (): never => {
    throw new Error(`${child.spawnargs.join(' ')} ended with ${child.signalCode ?? child.exitCode}`);
  };
  if (hasEnded(child)) ended();
  const settled = new AbortController();
  const first = Promise.race([
    once(child, 'message', { signal: settled.signal }),
    once(child, 'exit', { signal: settled.signal }).then(ended),
  ]);
  if (ask !== undefined) child.send(ask);
  try {
    return (await first)[0] as T;
  } finally {
    settled.abort();
  }
}

/** One that does not end when it is asked to is killed. */
export async function endOf(child: ChildProcess): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(hard);
}
