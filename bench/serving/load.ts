/**
 * The load: one request, sent over and over on so many connections, each waiting for its answer. Raw sockets, so that the
 * client costs a fraction of the fastest server. A process of its own; its answer is one message.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadOrder {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
  /** Beside the load, GET this path every 20 ms on a connection of its own. */
  readonly probe?: string;
}

export interface LoadResult {
  readonly requests: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly probeP50Ms: number;
  readonly probeMaxMs: number;
}

const PROBE_EVERY_MS = 20;
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send!(result));
});

async function run(order: LoadOrder): Promise<LoadResult> {
  const { port, path, headers, connections, seconds, probe } = order;
  const body = Buffer.from(order.body, 'base64');
  const head = Object.entries({ host: 'bench', 'content-length': String(body.length), ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const request = Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head.join('')}\r\n`), body]);
  const latencies: number[] = [];
  let failed = 0;
  const started = performance.now();
  const until = started + seconds * 1000;

  const client = async (): Promise<void> => {
    const ask = await open(port);
    while (performance.now() < until) {
      const before = performance.now();
      const status = await ask(request);
      latencies.push(performance.now() - before);
      if (status !== 200) failed++;
    }
    await ask(undefined);
  };
  const probes: number[] = [];
  const prober = async (): Promise<void> => {
    const ask = await open(port);
    const get = Buffer.from(`GET ${probe} HTTP/1.1\r\nhost: bench\r\n\r\n`);
    while (performance.now() < until) {
      const before = performance.now();
      await ask(get);
      probes.push(performance.now() - before);
      await sleep(PROBE_EVERY_MS);
    }
    await ask(undefined);
  };
  const clients = Array.from({ length: connections }, client);
  await Promise.all(probe ? [...clients, prober()] : clients);
  const elapsed = (performance.now() - started) / 1000;
  return {
    requests: latencies.length,
    failed,
    seconds: elapsed,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    probeP50Ms: quantile(probes, 0.5),
    probeMaxMs: quantile(probes, 1),
  };
}

function quantile(values: number[], q: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN;
}

/** A connection as a function from request to status; undefined closes it. */
function open(port: number): Promise<(request: Buffer | undefined) => Promise<number>> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let answered: ((status: number) => void) | undefined;
    let broken: ((error: Error) => void) | undefined;
    let head = '';
    let missing = -1;
    let chunked = false;
    let status = 0;
    socket.on('data', (chunk) => {
      let length = chunk.length;
      if (missing < 0) {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        status = Number(head.slice(9, 12));
        // KServe's binary answers come in chunks: their end is recognised by the last one, which is enough here.
        chunked = /\r\ntransfer-encoding: chunked/i.test(head.slice(0, end));
        missing = Number(/\r\ncontent-length: (\d+)/i.exec(head.slice(0, end))?.[1] ?? 0);
        length = head.length - end - 4;
        head = '';
      }
      missing -= length;
      if (chunked ? !chunk.subarray(-5).equals(LAST_CHUNK) : missing > 0) {
        missing = Math.max(missing, 0);
        return;
      }
      missing = -1;
      answered?.(status);
    });
    socket.once('error', (error) => {
      reject(error);
      broken?.(error);
    });
    socket.once('close', () => broken?.(new Error('the server closed the connection')));
    socket.once('connect', () =>
      resolve((request) => {
        if (!request) {
          broken = undefined;
          socket.destroy();
          return Promise.resolve(0);
        }
        return new Promise((answer, fail) => {
          answered = answer;
          broken = fail;
          socket.write(request);
        });
      }),
    );
  });
}
