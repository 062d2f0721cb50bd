/**
 * One container of a pod over all its attempts: starts it, watches it, ends it, knows how it ended, and writes all of
 * that down so that the next agent goes on where this one died. It decides nothing: when to start and why to stop is
 * the pod's business.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';
import { timeText } from '../../kinds.ts';
import { type ContainerRecord, containerDirOf, containerFile, logFile, readRecord, writeRecord } from '../records.ts';
import type { Action, Probe, Container as Spec, Terminated } from '../types.ts';
import { type ActionTarget, perform } from './action.ts';
import type { Command } from './command.ts';
import { type Ending, startEnding } from './ending.ts';
import { keepLog, type LogKeeper, lastLines } from './logs.ts';
import { type Prober, startProber } from './prober.ts';
import { adopt, type Exit, type Files, launch, type RunningProcess } from './process.ts';

const MAX_TERMINATION_MESSAGE = 4096;
/** Logs of how many attempts are kept: the present one and the one `kubectl logs --previous` shows. */
const KEPT_ATTEMPTS = 2;

interface ContainerEvents {
  /** Something about it changed; look again. */
  changed(): void;
  normal(reason: string, message: string): void;
  warning(reason: string, message: string): void;
  /** A liveness or startup probe has failed for good. */
  mustRestart(type: 'Startup' | 'Liveness', probe: Probe): void;
}

export interface ContainerOptions {
  spec: Spec;
  podDir: string;
  clock: Clock;
  target: ActionTarget;
  events: ContainerEvents;
}

export interface Waiting {
  reason: string;
  message?: string;
}

export class Container {
  readonly spec: Spec;
  record: ContainerRecord | undefined;
  /** Why it does not run, when it neither runs nor has ended. */
  waiting: Waiting = { reason: 'ContainerCreating' };
  readonly #options: ContainerOptions;
  #process: RunningProcess | undefined;
  #log: LogKeeper | undefined;
  #prober: Prober | undefined;
  #ending: Ending | undefined;
  #exited: Promise<void> = Promise.resolve();
  #isWritten = true;

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.#restore();
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get isStopping(): boolean {
    return this.#ending !== undefined;
  }

  get isReady(): boolean {
    return this.isRunning && (this.record?.ready ?? false);
  }

  get hasStarted(): boolean {
    return this.isRunning && (this.record?.started ?? false);
  }

  /** How the present attempt ended, unless it runs or was never started. */
  get ended(): Terminated | undefined {
    return this.isRunning ? undefined : this.record?.ended;
  }

  get restartCount(): number {
    return this.record?.attempt ?? 0;
  }

  /** Resolves when what runs now, or ran when the last agent died, has ended and that is known. Never rejects. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  logOf(previous: boolean): string | undefined {
    const attempt = this.restartCount - (previous ? 1 : 0);
    return this.record && attempt >= 0 ? logFile(this.#options.podDir, this.spec.name, attempt) : undefined;
  }

  /** Starts the next attempt (the same one again after a stop by the agent itself). */
  async start(command: Command, backoff: ContainerRecord['backoff']): Promise<void> {
    const { clock, events } = this.#options;
    const { name } = this.spec;
    const before = this.record;
    const repeats = before?.stoppedByAgent === true && before.ended === undefined;
    const attempt = before === undefined ? 0 : repeats ? before.attempt : before.attempt + 1;
    const record: ContainerRecord = {
      id: randomUUID(),
      attempt,
      startedAt: clock.now(),
      started: false,
      ready: false,
      backoff,
    };
    const last = repeats ? before?.last : (before?.ended ?? before?.last);
    if (last) record.last = last;
    this.#prepareFolder(attempt);
    writeRecord(this.#file, record); // before it is believed: on a full disk this start has not happened
    this.#isWritten = true;
    this.record = record;
    try {
      const started = await launch({ id: record.id, files: this.#files(record), ...command }, clock);
      Object.assign(record, { pid: started.pid, startTime: started.startTime });
      this.#write();
      events.normal('Started', `Started container ${name}`);
      this.#run(started);
    } catch (error) {
      const message = `failed to start: ${error instanceof Error ? error.message : String(error)}`;
      events.warning('Failed', `Error: ${message}`);
      const now = timeText(clock.now());
      record.endedAt = clock.now();
      record.ended = {
        exitCode: 128,
        reason: 'StartError',
        message,
        startedAt: now,
        finishedAt: now,
        containerID: containerId(record),
      };
      this.#write();
      events.changed();
    }
  }

  /** preStop, SIGTERM, and SIGKILL when `graceMs` are over. Asked again, only a shorter grace changes something. */
  stop(graceMs: number, options: { byAgent?: boolean; why?: string } = {}): void {
    const running = this.#process;
    if (!running) return;
    const { clock, events } = this.#options;
    if (options.byAgent && this.record) {
      this.record.stoppedByAgent = true;
      this.#write();
    }
    if (this.#ending) {
      this.#ending.hasten(graceMs);
      return;
    }
    this.#prober?.stopRestarts();
    if (!options.byAgent) events.normal('Killing', options.why ?? `Stopping container ${this.spec.name}`);
    const action = this.spec.lifecycle?.preStop;
    const hook = action && ((withinMs: number) => this.#preStop(action, withinMs));
    this.#ending = startEnding(running, { graceMs, hook, clock });
  }

  /** Leaves the process alone and forgets it: the next agent adopts it. */
  release(): void {
    this.#prober?.close();
    this.#ending?.cancel();
    this.#log?.close();
    this.#process = undefined;
  }

  async #preStop(action: Action, withinMs: number): Promise<void> {
    const failed = (error: unknown) => ({ ok: false, message: error instanceof Error ? error.message : String(error) });
    const result = await perform(action, this.#options.target, withinMs).catch(failed);
    if (!result.ok) this.#options.events.warning('FailedPreStopHook', `PreStopHook failed: ${result.message}`);
  }

  #run(running: RunningProcess): void {
    const { clock, events, podDir, target } = this.#options;
    const record = this.record as ContainerRecord;
    const { name } = this.spec;
    this.#process = running;
    this.#log = keepLog(logFile(podDir, name, record.attempt), clock);
    this.#exited = running.exited.then((exit) => this.#ended(running, exit));
    this.#prober = startProber({
      container: this.spec,
      target,
      hasStarted: record.started,
      startedAt: record.startedAt,
      clock,
      events: {
        started: () => this.#set({ started: true }),
        ready: (ready) => this.#set({ ready }),
        unhealthy: (type, message) => events.warning('Unhealthy', `${type} probe ${message}`),
        failed: (type, probe) => events.mustRestart(type, probe),
      },
    });
    events.changed();
  }

  async #ended(running: RunningProcess, exit: Exit): Promise<void> {
    if (this.#process !== running) return;
    const record = this.record as ContainerRecord;
    this.#prober?.close();
    this.#ending?.cancel();
    this.#ending = undefined;
    this.#log?.close();
    this.#process = undefined;
    record.ready = false;
    record.started = false;
    if (!record.stoppedByAgent) await this.#recordEnd(record, exit);
    this.#write();
    this.#options.events.changed();
  }

  async #recordEnd(record: ContainerRecord, exit: Exit): Promise<void> {
    const message = exit.lost
      ? 'The container could not be located when the node agent came back'
      : await this.#lastWords(record, exit.code);
    // The leader reports a death by signal N as 128 + N.
    const signal = Object.values(constants.signals).find((number) => number === exit.code - 128);
    record.endedAt = exit.at;
    record.ended = {
      exitCode: exit.code,
      ...(signal !== undefined && { signal }),
      reason: exit.lost ? 'ContainerStatusUnknown' : exit.code === 0 ? 'Completed' : 'Error',
      ...(message && { message }),
      startedAt: timeText(record.startedAt),
      finishedAt: timeText(exit.at),
      containerID: containerId(record),
    };
  }

  /** What it wrote to its termination log, or else the end of its output when it failed. */
  async #lastWords(record: ContainerRecord, code: number): Promise<string> {
    const { podDir } = this.#options;
    const { name } = this.spec;
    const written = readText(join(containerDirOf(podDir, name), 'termination-log'));
    if (written) return written.slice(0, MAX_TERMINATION_MESSAGE);
    return code === 0 ? '' : await lastLines(logFile(podDir, name, record.attempt)).catch(() => '');
  }

  #restore(): void {
    const { clock } = this.#options;
    const record = readRecord<ContainerRecord>(this.#file);
    this.record = record;
    if (!record || record.ended) return;
    const found = adopt(record.id, this.#files(record), record, clock);
    if (record.stoppedByAgent) {
      // The agent died while it was ending everything: finish that, it begins anew below.
      found.running?.signal('SIGKILL');
      return;
    }
    if (found.running) this.#run(found.running);
    else {
      record.ready = false;
      record.started = false;
      this.#exited = this.#recordEnd(record, found.exit).then(() => {
        this.#write();
        this.#options.events.changed();
      });
    }
  }

  #set(change: { started?: boolean; ready?: boolean }): void {
    const record = this.record as ContainerRecord;
    const isNew = Object.entries(change).some(([key, value]) => record[key as 'started' | 'ready'] !== value);
    if (!isNew) return;
    Object.assign(record, change);
    this.#write();
    this.#options.events.changed();
  }

  /** Called also where nobody could take an error (a timer, the end of a process): what failed is left to `catchUp`. */
  #write(): void {
    this.#isWritten = false;
    try {
      this.catchUp();
    } catch {
      // Whoever is told of the change calls it again, and hears why.
    }
  }

  /** Writes down what a full disk has kept from it. @throws as long as it does */
  catchUp(): void {
    if (this.#isWritten) return;
    writeRecord(this.#file, this.record as ContainerRecord);
    this.#isWritten = true;
  }

  get #file(): string {
    return containerFile(this.#options.podDir, this.spec.name);
  }

  #prepareFolder(attempt: number): void {
    const { podDir } = this.#options;
    const { name } = this.spec;
    const dir = containerDirOf(podDir, name);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    rmSync(join(dir, 'termination-log'), { force: true });
    const old = logFile(podDir, name, attempt - KEPT_ATTEMPTS);
    for (const suffix of ['', '.1', '.times', '.1.times', '.pid', '.exit']) rmSync(old + suffix, { force: true });
    const present = logFile(podDir, name, attempt);
    for (const suffix of ['.pid', '.exit']) rmSync(present + suffix, { force: true });
  }

  #files(record: ContainerRecord): Files {
    const log = logFile(this.#options.podDir, this.spec.name, record.attempt);
    return { log, pid: `${log}.pid`, exit: `${log}.exit` };
  }
}

export const containerId = (record: ContainerRecord): string => `clops://${record.id}`;

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
