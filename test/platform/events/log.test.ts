/** The ordered log under what a database and a network do to it: nothing lost, doubled or reordered, whoever dies. */
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLog, silentLog } from '../../../src/lib/log.ts';
import { createDb, type Db } from '../../../src/platform/db/db.ts';
import { appendEvents } from '../../../src/platform/events/append.ts';
import type { EventFilter } from '../../../src/platform/events/log.ts';
import { type OperationState, operations } from '../../../src/platform/events/tables.ts';
import { eventually } from '../../support/eventually.ts';
import { aLine, anEvent, type Lab, openLab, type Reading, upTo, withoutNotifications } from './lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab.close());

/** Appends without waking anybody. */
const silently: Parameters<Lab['count']>[0] = { append: (tx, list) => appendEvents(tx, () => {}, list) };

const hasRead = (reading: Reading, seqs: number[]) => eventually(() => expect(reading.seqs()).toEqual(seqs));

const sequencers = async (): Promise<number> =>
  (
    await lab.db.read({
      name: 'sequencers',
      text: `select pid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
    })
  ).length;

describe('many writers', () => {
  const SUBJECTS = ['a', 'b', 'c', 'd'];
  const ROUNDS = 30;
  /** Two write about each subject, so that they meet at its row; every third transaction rolls back. */
  const COMMITTED = SUBJECTS.length * 2 * ROUNDS * (2 / 3);
  const COUNTED = new Map(SUBJECTS.map((subject) => [subject, upTo(2 * ROUNDS * (2 / 3))]));

  async function writeMany(write: (subject: string, then?: () => Promise<void>) => Promise<void>): Promise<void> {
    const rollBack = () => Promise.reject(new Error('rolled back'));
    await Promise.all(
      [...SUBJECTS, ...SUBJECTS].map(async (subject) => {
        for (let round = 0; round < ROUNDS; round++) {
          if (round % 3 < 2) await write(subject);
          else await expect(write(subject, rollBack)).rejects.toThrow('rolled back');
        }
      }),
    );
  }

  test('every reader gets each committed event once, in one order, and each subject’s in its own', async () => {
    const [first, second] = [await lab.aLog(), await lab.aLog()];
    const early = [lab.read(first), lab.read(second), lab.read(second, { after: 0 })];
    const slow = lab.read(first, { after: 0, each: () => new Promise((resolve) => setImmediate(resolve)) });
    let turn = 0;
    await writeMany((subject, then) => lab.count(turn++ % 2 === 0 ? first : second, subject, then));
    const late = lab.read(second, { after: 0 });
    const [some] = early as [Reading];
    for (const reading of [...early, slow, late]) {
      await hasRead(reading, upTo(COMMITTED));
      expect(reading.messages).toEqual(some.messages);
    }
    expect(some.counted()).toEqual(COUNTED);
    const middle = lab.read(first, { after: COMMITTED / 2 });
    await hasRead(middle, upTo(COMMITTED, COMMITTED / 2 + 1));
    expect([first.head().seq, second.head().seq]).toEqual([COMMITTED, COMMITTED]);
  });

  test('the same while the connections that number and listen are killed', async () => {
    const [first, second] = [await lab.aLog(), await lab.aLog()];
    await eventually(() => expect([first.healthy(), second.healthy()]).toEqual([true, true]));
    const readings = [lab.read(first), lab.read(second)];
    let killed = 0;
    let written = 0;
    await writeMany(async (subject, then) => {
      await lab.count(written % 2 === 0 ? first : second, subject, then);
      if (++written % 50 !== 25) return;
      const some = await lab.killEventConnections();
      killed += some;
    });
    expect(killed).toBeGreaterThanOrEqual(2);
    for (const reading of readings) {
      await hasRead(reading, upTo(COMMITTED));
      expect(reading.counted()).toEqual(COUNTED);
    }
    await eventually(async () => expect(await sequencers()).toBe(1));
  });
});

test('what commits late comes late: nobody waits for it and nobody misses it', async () => {
  const log = await lab.aLog();
  const reading = lab.read(log);
  const gate = Promise.withResolvers<void>();
  const appended = Promise.withResolvers<void>();
  const late = lab.count(log, 'late', async () => {
    appended.resolve();
    await gate.promise;
  });
  await appended.promise;
  await lab.count(log, 'early');
  await hasRead(reading, [1]);
  gate.resolve();
  await late;
  await hasRead(reading, [1, 2]);
  expect([...reading.counted().keys()]).toEqual(['early', 'late']);
});

test('a transaction that rolled back wakes nobody and tells nothing', async () => {
  const log = await lab.aLog();
  const reading = lab.read(log);
  await expect(lab.count(log, 'a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await lab.count(log, 'b');
  await hasRead(reading, [1]);
  expect([...reading.counted().keys()]).toEqual(['b']);
});

test('without any notification everything still comes, by polling', async () => {
  const deaf = withoutNotifications(lab.db);
  const [first, second] = [await lab.aLog({ db: deaf }), await lab.aLog({ db: deaf })];
  const readings = [lab.read(first), lab.read(second)];
  for (const subject of ['a', 'b', 'a']) await lab.count(silently, subject);
  for (const reading of readings) await hasRead(reading, [1, 2, 3]);
});

test('how far it lags is known while nobody numbers, and forgotten when somebody does', async () => {
  const reader = await lab.aLog({ sequencer: false });
  await eventually(() => expect(reader.healthy()).toBe(true));
  await lab.count(silently, 'a');
  await eventually(() => expect(reader.lagMs()).toBeGreaterThan(3_000));
  const other = await lab.aLog();
  await eventually(() => expect(Math.max(reader.lagMs(), other.lagMs())).toBeLessThan(1_500));
});

test('a process that may not number leaves that to another', async () => {
  const reader = await lab.aLog({ sequencer: false });
  const reading = lab.read(reader);
  await lab.count(reader, 'a');
  await eventually(() => expect(reader.healthy()).toBe(true));
  expect(await sequencers()).toBe(0);
  await lab.aLog();
  await hasRead(reading, [1]);
});

describe('when the sequencer', () => {
  test('is closed, another takes over', async () => {
    const first = await lab.aLog();
    await eventually(async () => expect(await sequencers()).toBe(1));
    const second = await lab.aLog();
    const reading = lab.read(second);
    await lab.count(first, 'a');
    await hasRead(reading, [1]);
    await first.close();
    await lab.count(second, 'a');
    await hasRead(reading, [1, 2]);
    expect(await sequencers()).toBe(1);
  });

  test('is killed and cannot come back, another takes over', async () => {
    let refused = false;
    const fragile: Db = {
      ...lab.db,
      connect: () => (refused ? Promise.reject(new Error('refused')) : lab.db.connect()),
    };
    const first = await lab.aLog({ db: fragile });
    await eventually(async () => expect(await sequencers()).toBe(1));
    const second = await lab.aLog();
    const readings = [lab.read(first), lab.read(second)];
    await lab.count(first, 'a');
    for (const reading of readings) await hasRead(reading, [1]);
    refused = true;
    expect(await lab.killEventConnections()).toBe(2);
    await eventually(() => expect(first.healthy()).toBe(false));
    await lab.count(first, 'a');
    await hasRead(readings[1] as Reading, [1, 2]);
    // The first hears nothing now; it goes on where it stopped as soon as it can.
    refused = false;
    await hasRead(readings[0] as Reading, [1, 2]);
    expect(first.healthy()).toBe(true);
  });

  test('is connected to a server that only reads since a failover, it looks for one that writes', async () => {
    const readOnly = createDb({ url: `${lab.url}?options=-c%20default_transaction_read_only%3Don`, log: silentLog });
    let asked = 0;
    let promoted = false;
    const connect: Db['connect'] = () => {
      asked++;
      return (promoted ? lab.db : readOnly).connect();
    };
    try {
      const log = await lab.aLog({ db: { ...lab.db, connect } });
      const reading = lab.read(log);
      await eventually(() => expect(asked).toBeGreaterThan(0));
      await lab.count(log, 'a');
      promoted = true;
      await hasRead(reading, [1]);
    } finally {
      await readOnly.close();
    }
  });

  test('no longer gets an answer, another takes over, and it can still be closed', async () => {
    const line = await aLine(lab.url);
    const far = createDb({ url: line.url, log: silentLog });
    const asks = Promise.withResolvers<void>();
    try {
      const first = await lab.aLog({ db: { ...lab.db, connect: far.connect } });
      await eventually(async () => expect(await sequencers()).toBe(1));
      const second = await lab.aLog();
      const reading = lab.read(second);
      // Frozen in the middle of a question, the worst of moments: it waits for a lock. Who only reads does not.
      const locked = lab.db.tx(async (tx) => {
        await tx.read({ name: 'lockOutbox', text: 'lock table clops.outbox in share mode' });
        await asks.promise;
      });
      await eventually(async () => {
        const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'sequenceEvents'`;
        expect(await lab.db.read({ name: 'waiting', text: waiting })).toHaveLength(1);
      });
      line.freeze();
      asks.resolve();
      await locked;
      await eventually(() => expect(first.healthy()).toBe(false), { withinMs: 15_000 });
      // Postgres has not noticed either: the lock is free when the backend is gone, as its keepalive would find.
      await lab.killEventConnections();
      await lab.count(second, 'a');
      await hasRead(reading, [1]);
      await first.close();
    } finally {
      asks.resolve();
      await far.close();
      await line.close();
    }
  });
});

describe('a cursor', () => {
  test('that is from the future, or older than what is kept, is told to read again and goes on', async () => {
    const log = await lab.aLog();
    for (const subject of ['a', 'a', 'a']) await lab.count(log, subject);
    await eventually(() => expect(log.head().seq).toBe(3));
    const future = lab.read(log, { after: 4 });
    const present = lab.read(log, { after: 3 });
    await eventually(() => expect(future.messages).toMatchObject([{ kind: 'resync', seq: 3 }]));
    await log.close();

    // Keeps nothing: what was there before it began is forgotten.
    const forgetful = await lab.aLog({ retentionDays: 0 });
    await eventually(async () => expect(await eventsKept()).toEqual([]));
    await lab.count(forgetful, 'a');
    await eventually(() => expect(forgetful.head().seq).toBe(4));
    const [old, last, none] = [2, 3, 4].map((after) => lab.read(forgetful, { after })) as [Reading, Reading, Reading];
    await lab.count(forgetful, 'a');
    await hasRead(none, [5]);
    await hasRead(last, [4, 5]);
    await hasRead(old, [5]);
    expect(old.messages.map(({ kind, seq }) => [kind, seq])).toEqual([
      ['resync', 4],
      ['event', 5],
    ]);
    expect(last.messages[0]?.kind).toBe('event');
    expect(present.messages).toEqual([]);
  });

  test('of a stream that stood still until its place was forgotten is told so as well', async () => {
    const [reader, first] = [await lab.aLog({ sequencer: false }), await lab.aLog()];
    const gate = Promise.withResolvers<void>();
    const standing = lab.read(reader, { after: 0, each: () => gate.promise });
    await lab.count(first, 'a');
    await hasRead(standing, [1]);
    // More than the ring holds, so that the stream must ask Postgres.
    await lab.db.tx((tx) =>
      first.append(
        tx,
        upTo(2_500).map(() => anEvent('test.many')),
      ),
    );
    await eventually(() => expect(reader.head().seq).toBe(2_501));
    const age = `update clops.events set recorded_at = now() - interval '1 year' where seq <= 700 and seq <> 690`;
    await lab.db.read({ name: 'age', text: age });
    await first.close();
    const forgetful = await lab.aLog({ retentionDays: 90 });
    // 690 is young: what lies behind it stays, so that nothing is missing in the middle.
    await eventually(async () => expect((await eventsKept())[0]).toBe(690));
    const other = lab.read(forgetful, { after: 689 });
    await hasRead(other, upTo(2_501, 690));
    gate.resolve();
    await eventually(() => expect(standing.messages[1]).toMatchObject({ kind: 'resync', seq: 2_501 }));
    await lab.count(forgetful, 'a');
    await hasRead(standing, [1, 2_502]);
  });

  test('what is kept is counted by the clock of the database, whatever that of the process says', async () => {
    const first = await lab.aLog();
    for (const subject of ['a', 'a', 'a']) await lab.count(first, subject);
    await eventually(() => expect(first.head().seq).toBe(3));
    await first.close();
    const age = `update clops.events set recorded_at = now() - interval '1 year' where seq = 1`;
    await lab.db.read({ name: 'age', text: age });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 100 * 86_400_000 });
    try {
      const log = await lab.aLog({ retentionDays: 90 });
      await eventually(async () => expect((await eventsKept())[0]).not.toBe(1));
      await log.close();
    } finally {
      vi.useRealTimers();
    }
    expect(await eventsKept()).toEqual([2, 3]);
  });

  test('operations go when they have ended and no event names them any more, open ones stay', async () => {
    const log = await lab.aLog();
    const operation = (id: string, state: OperationState, at: Date) => ({
      ...{ id, state, at, name: 'test', actorId: 'sys_test', idempotencyKey: id, inputHash: '', error: null },
      subjects: [],
    });
    const [old, now] = [new Date('2020-01-01'), new Date()];
    const told = (id: string) => anEvent('test.done', { operation: id });
    await lab.db.tx(async (tx) => {
      await tx.q
        .insert(operations)
        .values([
          operation('op_done', 'SUCCEEDED', old),
          operation('op_failed', 'FAILED', old),
          operation('op_open', 'PUBLISHED', old),
          operation('op_told', 'SUCCEEDED', old),
          operation('op_young', 'SUCCEEDED', now),
        ]);
      await log.append(tx, [told('op_done'), told('op_told')]);
    });
    await eventually(() => expect(log.head().seq).toBe(2));
    await lab.db.read({
      name: 'age',
      text: `update clops.events set recorded_at = now() - interval '1 year' where seq = 1`,
    });
    await log.close();
    await lab.aLog();
    const kept = { name: 'operationsKept', text: 'select id from clops.operations order by id' };
    await eventually(async () =>
      expect(await lab.db.read(kept)).toEqual([{ id: 'op_open' }, { id: 'op_told' }, { id: 'op_young' }]),
    );
  });

  test('events that cannot be forgotten keep nothing else from it, and are numbered all the same', async () => {
    const first = await lab.aLog();
    await lab.count(first, 'a');
    await eventually(() => expect(first.head().seq).toBe(1));
    await first.close();
    const held = 'create table held (seq bigint references clops.events); insert into held values (1)';
    for (const text of held.split('; ')) await lab.db.read({ name: text.slice(0, 6), text });
    const at = new Date('2020-01-01');
    const operation = { id: 'op_old', state: 'SUCCEEDED' as const, at, name: 'test', actorId: 'sys_test' };
    await lab.db.tx((tx) =>
      tx.q.insert(operations).values([{ ...operation, idempotencyKey: 'k', inputHash: '', error: null, subjects: [] }]),
    );
    const lines = new PassThrough();
    const log = createLog({ role: 'test', level: 'warn', destination: lines });
    const forgetful = await lab.aLog({ log, retentionDays: 0 });
    const left = { name: 'operationsLeft', text: 'select id from clops.operations' };
    await eventually(async () => expect(await lab.db.read(left)).toEqual([]));
    await lab.count(forgetful, 'a');
    await eventually(() => expect(forgetful.head().seq).toBe(2));
    expect(await eventsKept()).toEqual([1, 2]);
    const said = String(lines.read()).trim().split('\n');
    expect(said).toEqual([expect.stringContaining('old events could not be forgotten')]);
    expect(said[0]).toContain('violates foreign key constraint');
  });

  async function eventsKept(): Promise<number[]> {
    const rows = await lab.db.read<{ seq: number }>({
      name: 'kept',
      text: 'select seq from clops.events order by seq',
    });
    return rows.map(({ seq }) => seq);
  }
});

describe('a narrowed stream', () => {
  const CASES: readonly [string, EventFilter, number[]][] = [
    ['a type', { types: ['rollout.paused'] }, [1]],
    ['types with a wildcard', { types: ['rollout.*', 'a%b'] }, [1, 2, 5]],
    ['a type that looks like a pattern', { types: ['rollout_.*'] }, []],
    ['a team', { teamId: 'team_1' }, [2, 3]],
    ['an operation', { operationId: 'op_1' }, [3]],
    ['what it is about', { about: 'dep_1' }, [1, 4]],
    ['two of these', { types: ['rollout.*'], teamId: 'team_1' }, [2]],
  ];

  test('is the same live and from Postgres', async () => {
    const log = await lab.aLog();
    const live = CASES.map(([, where]) => lab.read(log, { after: 0, where }));
    await lab.db.tx((tx) =>
      log.append(tx, [
        anEvent('rollout.paused', { subject: 'rol_1', about: ['dep_1'] }),
        anEvent('rollout.resumed', { team: 'team_1' }),
        anEvent('model.created', { team: 'team_1', operation: 'op_1' }),
        anEvent('deployment.created', { subject: 'dep_1' }),
        anEvent('a%b'),
        anEvent('aXb'),
      ]),
    );
    await hasRead(lab.read(log, { after: 0 }), upTo(6));
    // A second instance has an empty ring.
    const other = await lab.aLog();
    const stored = CASES.map(([, where]) => lab.read(other, { after: 0, where }));
    await hasRead(lab.read(other, { after: 0 }), upTo(6));
    const named = (readings: Reading[]) => CASES.map(([name], i) => [name, readings[i]?.seqs()]);
    const expected = CASES.map(([name, , seqs]) => [name, seqs]);
    await eventually(() => expect(named(live)).toEqual(expected));
    await eventually(() => expect(named(stored)).toEqual(expected));
  });

  test('sends heartbeats with the place it has reached, though nothing of it was for the reader', async () => {
    const log = await lab.aLog();
    const reading = lab.read(log, { where: { types: ['other'] }, heartbeatMs: 50 });
    await lab.count(log, 'a');
    await eventually(() =>
      expect(reading.messages).toContainEqual(expect.objectContaining({ kind: 'heartbeat', seq: 1 })),
    );
    expect(reading.seqs()).toEqual([]);
  });
});
