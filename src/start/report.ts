/** What `npm start` says on the terminal: one line for each part as it becomes ready, and the table at the end. */
import type { Writable } from 'node:stream';
import pc from 'picocolors';

/** A reason not to start that the person can put right. Shown as it is, without a stack. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

export interface Report {
  line(text: string): void;
  note(text: string): void;
  /** Awaits the work and says `✓ <what> (0.6 s)`. `what` may be made of the result. */
  step<T>(what: string | ((result: T) => string), work: Promise<T>): Promise<T>;
  table(facts: StartFacts): void;
  refusal(text: string): void;
}

export interface StartFacts {
  graphql: string;
  /** Absent in production: what is printed there ends in logs that others read. */
  token: string | undefined;
  /** Absent where the cluster is not ours. */
  gateway: string | undefined;
  kubeconfig: string | undefined;
  tokenFile: string;
  logs: string;
  /** Since the process began, in milliseconds. */
  tookMs: number;
  tries: readonly { what: string; command: string }[];
}

/** Colours follow picocolors' rules: NO_COLOR, FORCE_COLOR, and none when the output is no terminal. */
export function createReport(out: Writable = process.stdout): Report {
  // `npm start | head` closes the pipe: the platform goes on.
  out.on('error', () => {});
  const write = (text: string): void => void out.write(`${text}\n`);
  return {
    line: write,
    note: (text) => write(`${pc.yellow('!')} ${text}`),
    refusal: (text) => write(`${pc.red('✗')} ${text}`),
    async step(what, work) {
      const began = performance.now();
      const result = await work;
      const said = typeof what === 'string' ? what : what(result);
      write(`${pc.green('✓')} ${said} ${pc.dim(`(${seconds(performance.now() - began)})`)}`);
      return result;
    },
    table: (facts) => write(startTable(facts)),
  };
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/**
 * Addresses and commands are never shortened or broken: they are there to be copied. The GraphQL address, with its token
 * behind the `#` that no server sees, fills a line of 80 on its own.
 */
export function startTable(facts: StartFacts): string {
  const { graphql, token, gateway, kubeconfig, tokenFile, logs, tries, tookMs } = facts;
  const places = [
    ['Gateway', gateway] as const,
    ['Kubeconfig', kubeconfig] as const,
    ['Token', tokenFile] as const,
    ['Logs', logs] as const,
  ].filter(([, value]) => value !== undefined);
  const width = Math.max(...places.map(([label]) => label.length));
  return [
    '',
    `${pc.bold('CLOps is ready')} ${pc.dim(`(${seconds(tookMs)}). Ctrl-C stops it.`)}`,
    '',
    token === undefined ? ' GraphQL:' : ' GraphQL, signed in:',
    ` ${pc.cyan(token === undefined ? graphql : `${graphql}#token=${token}`)}`,
    '',
    ...places.map(([label, value]) => ` ${label.padEnd(width)}  ${pc.cyan(value)}`),
    '',
    ...tries.flatMap(({ what, command }) => [` ${pc.dim(`# ${what}`)}`, ` ${command}`, '']),
  ].join('\n');
}
