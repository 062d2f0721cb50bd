/**
 * The one door to Postgres. Reads are named statements (`statement`), prepared once per connection under the name of the
 * function they belong to; writes go through `tx`, the only way to open a transaction.
 *
 * pg's defaults kill or hang: an idle client that loses its backend ends the process without an error listener, an
 * exhausted pool waits for ever, a frozen backend gives no event. All of that is set here, once.
 */
import { getTableColumns, type Table } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import { Unavailable } from '../../lib/problem.ts';
import { isPassing, isReadOnly, isRepeatable } from './passing.ts';

/** A SQL text with a name. The type parameter is the row that comes back; it is taken on trust, so keep it by the SQL. */
export interface Statement<Row> {
  readonly name: string;
  readonly text: string;
  readonly row?: Row;
}

export function statement<Row>(name: string, text: string): Statement<Row> {
  return { name, text: `/* ${name} */ ${text}` };
}

/** A select list of every column of a table under its TypeScript name: `t."created_at" as "createdAt"`. */
export function columns(table: Table, alias: string): string {
  return Object.entries(getTableColumns(table))
    .map(([key, column]) => `${alias}."${column.name}" as "${key}"`)
    .join(', ');
}

export interface Reader {
  read<Row>(statement: Statement<Row>, params?: readonly unknown[]): Promise<Row[]>;
}

/** An open transaction: typed writes through drizzle, reads that see what it wrote. */
export interface Tx extends Reader {
  readonly q: NodePgDatabase;
  /** Runs after the transaction has committed; never when it rolled back. */
  afterCommit(fn: () => void): void;
}

export interface Db extends Reader {
  /** Runs `fn` in one transaction. Repeats it as a whole when Postgres asks for that (serialisation, deadlock). */
  tx<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** A connection outside the pool, for LISTEN and session locks. The caller ends it. */
  connect(): Promise<pg.Client>;
  /** Called for every statement, with its name; for tests that count and for metrics. Returns how to stop. */
  onStatement(listener: (name: string) => void): () => void;
  /** Of the pool, by what they do; `waiting` is who waits for one. */
  connections(): { idle: number; used: number; waiting: number };
  close(): Promise<void>;
}

pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** A character that a text or JSON cannot hold, a text that is no number or date, JSON that is nested too deeply. */
const UNSTORABLE = new Set(['22021', '22P02', '22P05', '54001']);
/** pg's own words for a connection it does not get, one that ended, and a question that was not answered. */
const UNAVAILABLE_WORDS =
  /Client has encountered a connection error|timeout exceeded when trying to connect|Connection terminated|Query read timeout/;

export interface DbOptions {
  url: string;
  log: Log;
  maxConnections?: number;
  /** A statement that takes longer is ended, by Postgres if it still can. */
  answerWithinMs?: number;
}

export function createDb({ url, log, maxConnections = 10, answerWithinMs = 8_000 }: DbOptions): Db {
  const settings = {
    connectionString: url,
    connectionTimeoutMillis: 3_000,
    query_timeout: answerWithinMs + 1_000,
    statement_timeout: answerWithinMs,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 15_000,
    keepAlive: true,
    application_name: 'clops',
  };
  // A name may lead elsewhere some day: no connection outlives that by more than five minutes.
  const pool = new pg.Pool({ ...settings, max: maxConnections, idleTimeoutMillis: 60_000, maxLifetimeSeconds: 300 });
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection was lost'));
  const listeners = new Set<(name: string) => void>();

  async function run<Row>(client: pg.Pool | pg.PoolClient, { name, text }: Statement<Row>, params: readonly unknown[]) {
    for (const listener of listeners) listener(name);
    const result = await client.query({ name, text, values: params as unknown[] });
    return result.rows as Row[];
  }

  async function once<T>(fn: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    // The pool's own listener is off while a client is lent out: without one, a Postgres that restarts during a
    // transaction ends the process.
    const lost = (error: Error): void => log.warn({ err: error }, 'the connection of a transaction was lost');
    client.on('error', lost);
    const committed: (() => void)[] = [];
    let broken: Error | undefined;
    try {
      await client.query('begin');
      const result = await fn({
        read: (st, params = []) => run(client, st, params),
        q: drizzle(client),
        afterCommit: (f) => committed.push(f),
      });
      await client.query('commit').catch((error: Error) => {
        if (!isUnavailable(error) || isRepeatable(codeOf(error))) throw error;
        const words =
          'The database was lost at the moment of writing: it is done, or it is not. Look, or repeat with the same idempotencyKey.';
        throw new Unavailable('DATABASE_UNAVAILABLE', words, { cause: error });
      });
      for (const f of committed) f();
      return result;
    } catch (error) {
      // Closing rolls back as well. On a line that does not answer a rollback would wait as long again; a server that only
      // reads is not to be met again, as it would be in every transaction until a restart.
      if (isUseless(error)) broken = error;
      else {
        await client.query('rollback').catch((e: Error) => {
          broken = e;
        });
      }
      throw error;
    } finally {
      client.off('error', lost);
      client.release(broken);
    }
  }

  return {
    read: (st, params = []) => translated(log, () => run(pool, st, params)),
    tx: (fn) =>
      translated(log, async () => {
        for (let attempt = 1; ; attempt++) {
          try {
            return await once(fn);
          } catch (error) {
            if (attempt >= 5 || !isRepeatable(codeOf(error))) throw error;
          }
        }
      }),
    async connect() {
      const {
        query_timeout: _,
        statement_timeout: __,
        idle_in_transaction_session_timeout: ___,
        ...session
      } = settings;
      const client = new pg.Client(session);
      // Without a listener a terminated backend ends the process; whoever holds the client adds one that reconnects.
      client.on('error', () => {});
      await translated(log, () => client.connect());
      return client;
    },
    onStatement(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    connections: () => ({
      idle: pool.idleCount,
      used: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
    }),
    close: () => pool.end(),
  };
}

/** drizzle wraps what pg throws. */
function causeOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  return error.cause instanceof Error ? error.cause : error;
}

const codeOf = (error: unknown): string => {
  const cause = causeOf(error);
  return 'code' in cause ? String(cause.code) : '';
};

const isUnavailable = (error: unknown): boolean =>
  isPassing(codeOf(error)) || UNAVAILABLE_WORDS.test(causeOf(error).message);

/** Of a connection: it has left a question unanswered, or leads to a server that no longer writes. */
const isUseless = (error: unknown): error is Error =>
  causeOf(error).message === 'Query read timeout' || isReadOnly(codeOf(error));

/** True when a unique constraint of this name refused a row: the race behind a NAME_TAKEN answer. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const e = cause as { code?: string; constraint?: string };
  return e?.code === '23505' && (constraint === undefined || e.constraint === constraint);
}

/** True when a row is still referred to by another (or names one that is not there). */
export function isForeignKeyViolation(error: unknown): boolean {
  return codeOf(error) === '23503';
}

async function translated<T>(log: Log, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    if (!(error instanceof Unavailable) && isUnavailable(error)) {
      throw new Unavailable('DATABASE_UNAVAILABLE', 'The database does not answer. Try again shortly.', {
        cause: error,
      });
    }
    if (UNSTORABLE.has(codeOf(error))) {
      // Inputs are checked before: what comes this far may as well be a fault of ours, and nobody else would tell.
      log.warn({ err: error }, 'Postgres refused a value');
      const words =
        'A value in the request cannot be stored or looked for: it holds a NUL character or half of a surrogate pair, is nested too deeply, or is not of the type that its place has.';
      throw new Fault('BAD_USER_INPUT', words, { cause: error });
    }
    throw error;
  }
}
