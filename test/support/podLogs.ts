/** Logs of pods that are played: lines with their times, and a stream that goes on until the container ends, as of a node. */
import { EventEmitter, on } from 'node:events';
import { ApiError, type ClusterPort } from '../../src/platform/cluster/port.ts';

export interface PodLogs {
  log: ClusterPort['log'];
  say(pod: string, line: string): void;
  /** What the node says of its own, in place of the container: without a time. */
  mutter(pod: string, line: string): void;
  /** Its container ends, and with it the streams of those who follow it. */
  end(pod: string): void;
  /** How many streams are open. */
  open(): number;
}

export function somePodLogs(): PodLogs {
  const lines = new Map<string, string[]>();
  const pods = new EventEmitter();
  let open = 0;
  const add = (pod: string, text: string): void => {
    lines.set(pod, [...(lines.get(pod) ?? []), text]);
    pods.emit(`line ${pod}`, text);
  };
  return {
    async *log(pod, _namespace, { tailLines = 0, signal } = {}) {
      const there = lines.get(pod);
      if (!there)
        throw new ApiError({
          code: 400,
          reason: 'BadRequest',
          message: `container "server" in pod "${pod}" is waiting to start`,
        });
      open++;
      const until = new AbortController();
      pods.once(`end ${pod}`, () => until.abort());
      const signals = [until.signal, ...(signal ? [signal] : [])];
      const coming = on(pods, `line ${pod}`, { signal: AbortSignal.any(signals) });
      try {
        yield Buffer.from(there.slice(-tailLines).join(''));
        for await (const [line] of coming) yield Buffer.from(String(line));
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
      } finally {
        open--;
      }
    },
    say: (pod, line) => add(pod, `${new Date().toISOString()} ${line}\n`),
    mutter: (pod, line) => add(pod, `${line}\n`),
    end: (pod) => pods.emit(`end ${pod}`),
    open: () => open,
  };
}
