/**
 * The reading side of the ordered log: one tail per process, a ring of the newest events, and streams that pull.
 *
 * A stream holds a position, not a buffer: a slow reader costs no memory, it simply reads older entries from Postgres
 * when it comes back. NOTIFY only wakes; a poll once a second guarantees. A cursor older than what is kept, or of a log that
 * a restore has ended, yields `resync`, never a silent gap.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createBackoff } from '../../lib/backoff.ts';
import type { Log } from '../../lib/log.ts';
import { columns, type Db, statement, type Tx } from '../db/db.ts';
import { appendEvents, type NewEvent } from './append.ts';
import { forget } from './forget.ts';
import { differ, eventHeadNow, isElsewhere, type Place, placeOf } from './place.ts';
import { sequence, tryLead } from './sequencer.ts';
import { openSession, type Session } from './session.ts';
import { type EventRow, events } from './tables.ts';

export interface EventFilter {
  /** Exact types, or with a wildcard at the end: `rollout.*`. */
  types?: readonly string[];
  teamId?: string;
  operationId?: string;
  /** An id the event must be about. */
  about?: string;
}

/** With the place behind it. */
export type LogMessage = Place & ({ kind: 'event'; event: EventRow } | { kind: 'heartbeat' } | { kind: 'resync' });

export interface EventLog {
  append(tx: Tx, events: readonly NewEvent[]): Promise<void>;
  /** The last event that this process has seen. */
  head(): Place;
  /** Everything after `after` (default: from now on), then live. Ends when `signal` does. */
  follow(options: {
    after?: Place;
    where?: EventFilter;
    signal: AbortSignal;
    heartbeatMs?: number;
  }): AsyncIterable<LogMessage>;
  /** True while the connection behind it works: for readiness. */
  healthy(): boolean;
  /** How long ago everything that was committed had been numbered and seen here. */
  lagMs(): number;
  start(): Promise<void>;
  close(): Promise<void>;
}

const eventsAfter = statement<EventRow>(
  'eventsAfter',
  `select ${columns(events, 'e')} from clops.events e where e.seq > $1
     and ($2::text[] is null or e.type like any($2)) and ($3::text is null or e.team_id = $3)
     and ($4::text is null or e.operation_id = $4) and ($5::text is null or e.about @> array[$5::text])
   order by e.seq limit $6`,
);
/** With the one at the place itself, so that one look says whether it is still that one. */
const eventsFrom = statement<EventRow>(
  'eventsFrom',
  `select ${columns(events, 'e')} from clops.events e where e.seq >= $1 order by e.seq limit $2`,
);

/** What waits longest for its number, and the last number given. */
const LAG = {
  name: 'eventLogLag',
  text: '/* eventLogLag */ select (select min(position) from clops.outbox) as waiting, (select seq from clops.event_head) as head',
};

const eventHeadExists = statement<never>(
  'eventHeadExists',
  `insert into clops.event_head (one, seq, first_seq) values ('head', 0, 1) on conflict do nothing`,
);

const RING = 2_000;
const PAGE = 500;
const POLL_MS = 1_000;
const FORGET_EVERY_MS = 3_600_000;

export interface EventLogOptions {
  db: Db;
  log: Log;
  /** Whether this process may number events. A pure reader passes false. */
  sequencer?: boolean;
  retentionDays?: number;
}

export function createEventLog({ db, log, sequencer = true, retentionDays = 90 }: EventLogOptions): EventLog {
  const ring: EventRow[] = [];
  const sleepers = new Set<() => void>();
  const closing = new AbortController();
  let seen: Place = { seq: 0, mark: null };
  /** Counts the logs that this one turned out to be: streams of an earlier one are told. */
  let life = 0;
  let before: { waiting: number | null; head: number } = { waiting: null, head: 0 };
  let caughtUpAt = performance.now();
  /** Outlives a connection: a removal that breaks it is not what the next one begins with. */
  let lastForget = Number.NEGATIVE_INFINITY;
  let connection: { session: Session; leads: boolean } | undefined;
  let running: Promise<void> | undefined;
  let draining = false;
  let drainAgain = false;
  let tailing: Promise<void> | undefined;
  let tailAgain = false;

  /** Brings ring and position up to what the log holds, then wakes every stream. */
  function tail(): Promise<void> {
    if (tailing) {
      tailAgain = true;
      return tailing;
    }
    tailing = (async () => {
      do {
        tailAgain = false;
        for (;;) {
          const found = await db.read(eventsFrom, [seen.seq, PAGE]);
          const [first] = found;
          const isThere = first?.seq === seen.seq;
          const rows = isThere ? found.slice(1) : found;
          if (isThere ? differ(seen.mark, placeOf(first).mark) : await isCutOff()) {
            await startOver();
            break;
          }
          const last = rows.at(-1);
          if (!last) break;
          // Places in the ring are counted, so it holds no gap: forgotten events leave one in a process that lags.
          if (rows[0]?.seq !== seen.seq + 1) ring.length = 0;
          ring.push(...rows);
          if (ring.length > RING) ring.splice(0, ring.length - RING);
          seen = placeOf(last);
          for (const wake of sleepers) wake();
          if (found.length < PAGE) break;
        }
      } while (tailAgain);
    })()
      .catch((error) => log.warn({ err: error }, 'reading the event log failed, will try again'))
      .finally(() => {
        tailing = undefined;
      });
    return tailing;
  }

  /** What was seen last is not there: forgotten, unless the log ends before it. */
  async function isCutOff(): Promise<boolean> {
    const [head] = await db.read(eventHeadNow, [seen.seq]);
    return head !== undefined && isElsewhere(seen, head);
  }

  /** A restore, or a failover that lost commits: what was seen is no part of the log any more, and numbers begin again before it. */
  async function startOver(): Promise<void> {
    const [head] = await db.read(eventHeadNow, [0]);
    log.warn({ seen, head }, 'the event log is not the one that was read so far: streams are told to read again');
    ring.length = 0;
    seen = { seq: head?.seq ?? 0, mark: head?.mark ?? null };
    life++;
    for (const wake of sleepers) wake();
  }

  async function drain(): Promise<void> {
    if (!connection?.leads) return;
    if (draining) {
      drainAgain = true;
      return;
    }
    draining = true;
    try {
      do {
        drainAgain = false;
        if ((await sequence(connection.session)) !== null) void tail();
      } while (drainAgain && connection);
    } catch (error) {
      log.warn({ err: error }, 'numbering events failed, will try again');
    } finally {
      draining = false;
    }
  }

  function nudge(): void {
    if (connection?.leads) void drain();
    else connection?.session.query(`select pg_notify('clops_outbox', '')`).catch(() => {});
  }

  /** Ends early, and without a fault, when the log is closed or `signal` aborts. */
  const pause = (ms: number, signal = closing.signal): Promise<void> =>
    sleep(ms, undefined, { signal }).catch(() => undefined);

  /** One life of the connection: listen, lead if possible, poll until it breaks. `works` is called while it does. */
  async function live(session: Session, works: () => void): Promise<void> {
    await session.query('listen clops_events');
    await session.query('listen clops_outbox');
    connection = { session, leads: sequencer && (await tryLead(session)) };
    const over = AbortSignal.any([closing.signal, session.lost]);
    for (;;) {
      await drain();
      await tail();
      if (connection.leads && performance.now() - lastForget > FORGET_EVERY_MS) {
        lastForget = performance.now();
        await forget(session, retentionDays, log);
      }
      await pause(POLL_MS, over);
      if (closing.signal.aborted) return;
      session.lost.throwIfAborted();
      works();
      if (sequencer && !connection.leads) connection.leads = await tryLead(session);
      await measure(session);
    }
  }

  /** Caught up is who has seen what was numbered a poll ago, while what waited then waits no more. */
  async function measure(session: Session): Promise<void> {
    const { rows } = await session.query<{ waiting: number | null; head: number }>(LAG);
    const now = rows[0] ?? { waiting: null, head: 0 };
    if (seen.seq >= before.head && (now.waiting === null || now.waiting !== before.waiting))
      caughtUpAt = performance.now();
    before = now;
  }

  async function run(): Promise<void> {
    const backoff = createBackoff({ initialMs: 200, maxMs: 5_000 });
    while (!closing.signal.aborted) {
      let session: Session | undefined;
      try {
        session = await openSession(db, (channel) => {
          if (channel === 'clops_outbox') void drain();
          else void tail();
        });
        await live(session, backoff.reset);
      } catch (error) {
        if (!closing.signal.aborted) log.warn({ err: error }, 'the event connection was lost, will reconnect');
      } finally {
        connection = undefined;
        await session?.end();
      }
      await pause(backoff.next());
    }
  }

  /** Where the log ends, when it does not reach back to what follows `position`, or `position` is in another. */
  async function outOf(position: Place): Promise<Place | undefined> {
    const [head] = await db.read(eventHeadNow, [position.seq]);
    if (!head || (position.seq >= head.firstSeq - 1 && !isElsewhere(position, head))) return undefined;
    return { seq: head.seq, mark: head.mark };
  }

  async function* follow(options: Parameters<EventLog['follow']>[0]): AsyncGenerator<LogMessage> {
    const { where = {}, signal, heartbeatMs = 15_000 } = options;
    let position = options.after ?? seen;
    let mine = life;
    if (options.after !== undefined) {
      const head = await outOf(position);
      if (head !== undefined) {
        yield { kind: 'resync', ...head };
        position = head;
      }
    }
    const patterns = where.types?.map((type) => type.replace(/[\\%_]/g, '\\$&').replace(/\*$/, '%')) ?? null;
    const matches = matcher(where);
    let lastSent = performance.now();
    while (!signal.aborted && !closing.signal.aborted) {
      const until = seen;
      if (mine !== life) {
        mine = life;
        position = until;
        lastSent = performance.now();
        yield { kind: 'resync', ...position };
        continue;
      }
      const inRing = (ring[0]?.seq ?? Number.POSITIVE_INFINITY) <= position.seq + 1;
      if (position.seq < until.seq && inRing) {
        for (const event of ring.slice(position.seq + 1 - (ring[0] as EventRow).seq)) {
          position = placeOf(event);
          if (!matches(event)) continue;
          lastSent = performance.now();
          yield { kind: 'event', ...position, event };
          if (signal.aborted) return;
        }
        continue;
      }
      if (position.seq < until.seq) {
        const params = [
          position.seq,
          patterns,
          where.teamId ?? null,
          where.operationId ?? null,
          where.about ?? null,
          PAGE,
        ];
        const rows = await db.read(eventsAfter, params);
        // Asked afterwards: what was there then was there before.
        const head = await outOf(position);
        if (head !== undefined) {
          position = head;
          lastSent = performance.now();
          yield { kind: 'resync', ...position };
          continue;
        }
        for (const event of rows) {
          position = placeOf(event);
          lastSent = performance.now();
          yield { kind: 'event', ...position, event };
          if (signal.aborted) return;
        }
        if (rows.length < PAGE && position.seq < until.seq) position = until;
        continue;
      }
      const left = lastSent + heartbeatMs - performance.now();
      if (left <= 0) {
        lastSent = performance.now();
        yield { kind: 'heartbeat', ...position };
        continue;
      }
      await untilNewer(left, signal, position.seq);
    }
  }

  /** Until something newer than `position` was seen, the signal ends, or the time is over. */
  function untilNewer(ms: number, signal: AbortSignal, position: number): Promise<void> {
    return new Promise((resolve) => {
      if (seen.seq > position || signal.aborted || closing.signal.aborted) {
        resolve();
        return;
      }
      const timer = setTimeout(done, ms);
      sleepers.add(done);
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        clearTimeout(timer);
        sleepers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }

  return {
    append: (tx, list) => appendEvents(tx, nudge, list),
    head: () => seen,
    follow,
    healthy: () => connection !== undefined,
    lagMs: () => performance.now() - caughtUpAt,
    async start() {
      await db.read(eventHeadExists);
      const [head] = await db.read(eventHeadNow, [0]);
      if (head) seen = { seq: head.seq, mark: head.mark };
      running = run();
    },
    async close() {
      closing.abort();
      for (const wake of [...sleepers]) wake();
      await running;
      await tailing;
    },
  };
}

function matcher(where: EventFilter): (event: EventRow) => boolean {
  const exact = new Set(where.types?.filter((type) => !type.endsWith('*')));
  const prefixes = where.types?.filter((type) => type.endsWith('*')).map((type) => type.slice(0, -1)) ?? [];
  return (event) =>
    (!where.types || exact.has(event.type) || prefixes.some((prefix) => event.type.startsWith(prefix))) &&
    (!where.teamId || event.teamId === where.teamId) &&
    (!where.operationId || event.operationId === where.operationId) &&
    (!where.about || event.about.includes(where.about));
}
