/**
 * On which thread does the model run? session.run blocks its thread, so on the main thread health probes and /metrics
 * wait behind an inference; in a worker thread they do not, but the hand-over costs each request about 0.15 ms (Silero VAD,
 * one at a time: 161-201 µs on the main thread, 326-387 µs through a worker). So the main thread is for models whose whole answer takes
 * under 2 ms of CPU, and everything else is for a worker. Measured, in this order:
 *
 * 1. Every model is loaded and warmed up in a worker first: a large file blocks nobody while it loads.
 * 2. A fast one is then opened on the main thread and the worker is let go.
 * 3. One that no invented input fits stays in the worker until its first requests tell.
 * 4. A model on the main thread that takes over 10 ms after all (a large batch), twice within 100 requests, goes to a worker and stays there.
 *
 * CPU time and not wall time: on a busy machine a preempted 0.2 ms run would look slow.
 */
import type { Log } from '../lib/log.ts';
import { type Engine, startMainEngine, startWorkerEngine } from './engine.ts';
import type { Answer, ModelInfo, RawRequest } from './protocol.ts';
import type { SessionOptions } from './session.ts';
import { FREE_SIZES, type WarmUp } from './warmUp.ts';

const FAST_MS = 2;
const TOO_SLOW_FOR_MAIN_MS = 10;
/** Loading on the main thread blocks it: a model that loads slower than this is not worth it. */
const QUICK_LOAD_MS = 500;
/** Of a model that could not be warmed up: the first requests compile and allocate, the next ones say what it takes. */
const COLD_RUNS = 5;
const RUNS_THAT_TELL = 20;
/** On the main thread only wall time is watched, until a slow answer: then so many are counted by CPU. */
const SUSPECT_RUNS = 100;

export interface PlacementOptions extends SessionOptions {
  readonly log: Log;
  /** The model cannot be asked any more; the process should be replaced. */
  readonly onLost: (reason: string) => void;
}

export interface PlacedModel {
  readonly info: ModelInfo;
  /** Whether it has run on invented input, or why not. */
  readonly warmUp: WarmUp;
  where(): Engine['where'];
  lanes(): number;
  answer(request: Omit<RawRequest, 'countCpu'>): Promise<Answer>;
  close(): Promise<void>;
}

/** @throws what `openSession` throws. */
export async function placeModel(options: PlacementOptions): Promise<PlacedModel> {
  const { log, onLost } = options;
  const first = await startWorkerEngine(sessionOptions(options), onLost);
  const { info, notes, warmUp, loadMs } = first.loaded;
  for (const note of notes) log.warn({ file: options.file }, note);
  let engine = first.engine;
  let runs: number[] | undefined;
  let suspect = 0;
  let moving: Promise<void> | undefined;
  let closed = false;

  const quickToLoad = loadMs <= QUICK_LOAD_MS;
  if ('failed' in warmUp) {
    log.warn(
      { reason: warmUp.failed },
      `the model is served without having run: zeros with free dimensions of ${FREE_SIZES.join(', ')} do not fit it; ask it once`,
    );
    if (quickToLoad) runs = [];
  } else if (warmUp.cpuMs <= FAST_MS && quickToLoad) await moveTo('main', warmUp.cpuMs);

  async function moveTo(where: Engine['where'], cpuMs: number): Promise<void> {
    const previous = engine;
    const target = sessionOptions(options);
    engine = where === 'main' ? await startMainEngine(target) : (await startWorkerEngine(target, onLost)).engine;
    log.info({ thread: where, cpuMs: Number(cpuMs.toFixed(2)) }, 'placed the model by what an inference takes');
    await previous.close();
  }

  function startMove(where: Engine['where'], cpuMs: number): void {
    if (moving || closed) return;
    moving = moveTo(where, cpuMs)
      .catch((error: unknown) =>
        log.error({ error }, `the model could not be moved to the ${where} thread and stays where it is`),
      )
      .finally(() => (moving = undefined));
  }

  /** Keeps the runs of an unknown model until there are enough of them, and an eye on a model of the main thread. */
  function observe(by: Engine, counted: boolean, { status, busyMs }: Answer): void {
    if (by !== engine) return;
    if (by.where === 'main') {
      if (suspect > 0) suspect--;
      if (busyMs <= TOO_SLOW_FOR_MAIN_MS) return;
      if (counted) startMove('worker', busyMs);
      else suspect = SUSPECT_RUNS;
    } else if (runs && status === 200) {
      runs.push(busyMs);
      if (runs.length < COLD_RUNS + RUNS_THAT_TELL) return;
      const mean = runs.slice(COLD_RUNS).reduce((sum, ms) => sum + ms, 0) / RUNS_THAT_TELL;
      runs = undefined;
      if (mean <= FAST_MS) startMove('main', mean);
    }
  }

  return {
    info,
    warmUp,
    where: () => engine.where,
    lanes: () => engine.lanes,
    async answer(request) {
      const by = engine;
      const countCpu = by.where === 'main' ? suspect > 0 : runs !== undefined;
      const answer = await by.answer({ ...request, countCpu });
      observe(by, countCpu, answer);
      return answer;
    },
    async close() {
      closed = true;
      await moving;
      await engine.close();
    },
  };
}

const sessionOptions = ({ name, version, file, threads }: SessionOptions): SessionOptions => ({
  name,
  version,
  file,
  threads,
});
