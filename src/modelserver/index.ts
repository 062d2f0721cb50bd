/**
 * The built-in model server: one version of one ONNX model over the Open Inference Protocol v2. Answers liveness from
 * the first moment and is ready when exactly the file that was ordered is loaded and, if invented input fits it, has run.
 * Never ends the process: a start that fails rejects with the sentence for the last line on stderr.
 */
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../lib/log.ts';
import { digestOfFile } from './digest.ts';
import { DIGEST, readFlags } from './flags.ts';
import { createMetrics } from './metrics.ts';
import { placeModel } from './placement.ts';
import { createQueue } from './queue.ts';
import { createModelServer, type ServerState } from './server.ts';

export { fetchArtifact, runFetchArtifact } from './fetchArtifact.ts';

const MODEL_SERVER_FLAGS = {
  model: { meaning: 'the name under which the model is asked' },
  version: { meaning: 'the version of the model' },
  file: { meaning: 'the ONNX file' },
  digest: { meaning: "the file's sha256 digest (sha256: and 64 hexadecimal digits)", pattern: DIGEST },
  port: { meaning: 'the port to listen on, 0 for a free one', fallback: '8080', range: [0, 65_535] },
  host: { meaning: 'the address to listen on', fallback: '127.0.0.1' },
  queue: { meaning: 'requests that may wait for the model', fallback: '100', range: [0, 100_000] },
  threads: { meaning: 'threads inside one inference', fallback: '1', range: [1, 256] },
  'max-body-bytes': { meaning: 'the largest request', fallback: String(64 << 20), range: [1024, 2 ** 30] },
  'linger-ms': {
    meaning: 'how long requests are still taken after the order to stop',
    fallback: '1000',
    range: [0, 600_000],
  },
  'grace-ms': {
    meaning: 'how long what is queued may take after that, its answers included',
    fallback: '25000',
    range: [0, 3_600_000],
  },
} as const;

export interface ModelServer {
  /** `http://host:port`. */
  readonly url: string;
  /** Not ready at once; goes on answering for `--linger-ms` (routers learn of it late), then finishes what is queued and sends its answers within `--grace-ms`, and closes. */
  close(): Promise<void>;
}

export interface ModelServerOptions {
  readonly log: Log;
  /** Of the program, as the server's metadata shows it. */
  readonly programVersion?: string;
}

/** Resolves when the model is ready. @throws FlagError, or an Error whose message is one sentence for people. */
export async function runModelServer(argv: readonly string[], options: ModelServerOptions): Promise<ModelServer> {
  const { log, programVersion = 'development' } = options;
  const flags = readFlags('model-server', MODEL_SERVER_FLAGS, argv);
  const [name, version, file] = [flags.text('model'), flags.text('version'), flags.text('file')];
  const state: ServerState = { model: undefined, draining: false, lost: undefined };
  const queue = createQueue({ capacity: flags.number('queue'), lanes: () => state.model?.lanes() ?? 1 });
  const isWarm = (): boolean => state.model !== undefined && !('failed' in state.model.warmUp);
  const metrics = createMetrics({ model: name, version, queueDepth: queue.depth, isWarm });
  const server = createModelServer(
    { name, version, programVersion, maxBodyBytes: flags.number('max-body-bytes'), metrics, queue, log },
    state,
  );
  const open = new Set<ServerResponse>();
  server.on('request', (_request, response) => {
    open.add(response);
    response.once('close', () => open.delete(response));
  });
  const url = await listen(server, flags.number('port'), flags.text('host'));
  try {
    await verify(file, flags.text('digest'));
    state.model = await placeModel({
      name,
      version,
      file,
      threads: flags.number('threads'),
      log,
      onLost(reason) {
        state.lost = `${reason}.`;
        log.error(reason);
      },
    });
  } catch (error) {
    await cutOff(server);
    throw error;
  }
  log.info({ url, model: name, version, thread: state.model.where() }, 'the model is ready');
  const { model } = state;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    state.draining = true;
    await sleep(flags.number('linger-ms'));
    const grace = sleep(flags.number('grace-ms'), false, { ref: false });
    const inOrder = queue
      .idle()
      .then(() => allSent(open))
      .then(() => closed(server));
    const finished = await Promise.race([inOrder, grace]);
    if (!finished) {
      log.warn({ waiting: queue.depth() }, 'the grace is over; connections are cut off');
      await cutOff(server);
    }
    const released = model.close();
    // An inference cannot be interrupted: who has waited for the grace does not wait for it.
    if (finished) await released;
    else released.catch(() => undefined);
  };
  return { url, close: () => (closing ??= close()) };
}

/** A request may come, and an answer be read, as slowly as its client likes. node's own close() would break off the latter. */
async function allSent(open: ReadonlySet<ServerResponse>): Promise<void> {
  for (let [next] = open; next; [next] = open) await new Promise((resolve) => next?.once('close', resolve));
}

/** True when the last connection has ended. Idle ones are closed by close() itself. */
function closed(server: Server): Promise<true> {
  return new Promise((resolve) => server.close(() => resolve(true)));
}

function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`cannot listen on ${host}:${port}: ${error.message}`)));
    server.listen(port, host, () => {
      const { address, family, port: actual } = server.address() as AddressInfo;
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`);
    });
  });
}

async function cutOff(server: Server): Promise<void> {
  const ended = closed(server);
  server.closeAllConnections();
  await ended;
}

async function verify(file: string, expected: string): Promise<void> {
  let actual: string;
  try {
    actual = await digestOfFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw new Error(
      code === 'ENOENT'
        ? `there is no file at ${file}`
        : `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (actual !== expected) throw new Error(`digest of ${file} is ${actual} but ${expected} was expected`);
}
