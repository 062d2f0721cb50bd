/**
 * A session on this thread or in a worker thread, behind one interface. Which of the two is `placement.ts`'s question.
 */
import { Worker } from 'node:worker_threads';
import type { Answer, RawRequest } from './protocol.ts';
import { openSession, type SessionOptions } from './session.ts';
import type { FromWorker, Loaded, ToWorker } from './worker.ts';

export interface Engine {
  readonly where: 'main' | 'worker';
  /** Requests worth handing over at once: in a worker the next one waits there, so that the thread never idles. */
  readonly lanes: number;
  /** Always an answer; rejects only when the worker thread is lost. */
  answer(request: RawRequest): Promise<Answer>;
  /** Lets what it has been handed finish, then frees the model. */
  close(): Promise<void>;
}

/** Opens the file on this thread, which blocks it for as long as the file takes to load. */
export async function startMainEngine(options: SessionOptions): Promise<Engine> {
  const session = await openSession(options);
  const idle = createIdle();
  return {
    where: 'main',
    lanes: 1,
    answer: (request) => idle.track(session.answer(request)),
    async close() {
      await idle.reached();
      await session.release();
    },
  };
}

/** @throws what `openSession` throws. `onLost` is called when the thread ends without having been asked to. */
export async function startWorkerEngine(
  options: SessionOptions,
  onLost: (reason: string) => void,
): Promise<{ engine: Engine; loaded: Loaded }> {
  // Compiled, this file has a .js next to it; run from source, a .ts.
  const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: options });
  const loaded = await firstWord(worker);
  const idle = createIdle();
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  let nextId = 0;
  let closing = false;

  worker.on('message', (message: FromWorker) => {
    if (message.kind !== 'answer') return;
    waiting.get(message.id)?.resolve(message.answer);
    waiting.delete(message.id);
  });
  const lost = (reason: string): void => {
    if (closing) return;
    closing = true;
    for (const { reject } of waiting.values()) reject(new Error(reason));
    waiting.clear();
    onLost(reason);
  };
  worker.on('error', (error) =>
    lost(`the inference thread failed: ${error instanceof Error ? error.message : String(error)}`),
  );
  worker.on('exit', (code) => lost(`the inference thread ended with code ${code}`));

  const engine: Engine = {
    where: 'worker',
    lanes: 2,
    answer({ body, jsonLength, countCpu }) {
      if (closing) return Promise.reject(new Error('the inference thread has ended'));
      const id = nextId++;
      const answer = new Promise<Answer>((resolve, reject) => waiting.set(id, { resolve, reject }));
      // A buffer that is not shared can be moved; a part of a larger one would take the whole of it along.
      const own = body.byteLength === body.buffer.byteLength ? body : new Uint8Array(body);
      const message: ToWorker = { id, body: own, jsonLength, countCpu };
      worker.postMessage(message, [own.buffer as ArrayBuffer]);
      return idle.track(answer);
    },
    async close() {
      await idle.reached();
      closing = true;
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      worker.postMessage('close' satisfies ToWorker);
      await ended;
    },
  };
  return { engine, loaded };
}

function firstWord(worker: Worker): Promise<Loaded> {
  return new Promise((resolve, reject) => {
    const early = (code: number): void =>
      reject(new Error(`the inference thread ended with code ${code} while loading`));
    worker.once('error', reject);
    worker.once('exit', early);
    worker.once('message', (message: FromWorker) => {
      worker.off('error', reject);
      worker.off('exit', early);
      if (message.kind === 'loaded') resolve(message.loaded);
      else reject(new Error(message.kind === 'failed' ? message.message : 'the inference thread spoke out of turn'));
    });
  });
}

/** Counts what is under way and tells when nothing is. */
function createIdle() {
  let active = 0;
  let wake: (() => void) | undefined;
  return {
    async track<T>(work: Promise<T>): Promise<T> {
      active++;
      try {
        return await work;
      } finally {
        if (--active === 0) wake?.();
      }
    },
    reached: () => (active === 0 ? Promise.resolve() : new Promise<void>((resolve) => (wake = resolve))),
  };
}
