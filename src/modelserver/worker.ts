/** The worker thread: the same session as on the main thread, asked by messages. Entry of the thread, imported by nobody. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, ModelInfo, RawRequest } from './protocol.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';
import type { WarmUp } from './warmUp.ts';

/** What the thread is asked. */
export type ToWorker = ({ readonly id: number } & RawRequest) | 'close';

/** What it says: once `loaded` or `failed`, then an answer for each id. */
export type FromWorker =
  | { readonly kind: 'loaded'; readonly loaded: Loaded }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer };

export interface Loaded {
  readonly info: ModelInfo;
  readonly notes: readonly string[];
  readonly warmUp: WarmUp;
  readonly loadMs: number;
}

const port = parentPort!;
const say = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

async function main(options: SessionOptions): Promise<void> {
  const started = performance.now();
  const session = await openSession(options);
  const loadMs = performance.now() - started;
  const warmUp = await session.warmUp();
  port.on('message', (message: ToWorker) => {
    if (message === 'close') void session.release().then(() => port.close());
    else void reply(session, message);
  });
  say({ kind: 'loaded', loaded: { info: session.info, notes: session.notes, warmUp, loadMs } });
}

async function reply(session: Session, { id, ...request }: Exclude<ToWorker, 'close'>): Promise<void> {
  const answer = await session.answer(request);
  if (typeof answer.body === 'string') say({ kind: 'answer', id, answer });
  else {
    const bytes = new Uint8Array(answer.body);
    say({ kind: 'answer', id, answer: { ...answer, body: bytes } }, [bytes.buffer]);
  }
}

main(workerData as SessionOptions).catch((error: unknown) => {
  say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  port.close();
});
