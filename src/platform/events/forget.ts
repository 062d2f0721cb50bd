/**
 * What the log and the record of accepted mutations let go of, and when. Asked by the sequencer alone, so that two never
 * forget at once.
 */
import type { Log } from '../../lib/log.ts';
import type { Session } from './session.ts';

const BATCH = 10_000;

/**
 * From the oldest on, whatever was recorded more than so many days ago: a clock that was set back must not tear a hole into
 * what is kept. The clock is that of Postgres, which said when it was recorded: by another's, one that is wrong would forget all. What is gone and where the log begins change together, so that a reader of both never takes a gap for silence.
 */
const FORGET_EVENTS = {
  name: 'forgetEvents',
  text: `/* forgetEvents */
    with old as (
      select seq from clops.events where seq < coalesce((select min(seq) from clops.events where recorded_at >= now() - make_interval(days => $1)), 9007199254740991)
      order by seq limit ${BATCH}
    ), gone as (
      delete from clops.events where seq in (select seq from old) returning seq
    ), head as (
      update clops.event_head set first_seq = (select max(seq) + 1 from gone) where exists (select 1 from gone)
    )
    select count(*) as gone from gone`,
};

/** One that is still open, or whose events are still told, stays however old it is. */
const FORGET_OPERATIONS = {
  name: 'forgetOperations',
  text: `/* forgetOperations */
    with old as (
      select o.id from clops.operations o where o.at < now() - make_interval(days => $1) and o.state in ('SUCCEEDED', 'FAILED')
        and not exists (select 1 from clops.events e where e.operation_id = o.id)
        and not exists (select 1 from clops.outbox x where x.operation_id = o.id)
      order by o.at limit ${BATCH}
    ), gone as (
      delete from clops.operations where id in (select id from old) returning id
    )
    select count(*) as gone from gone`,
};

/**
 * Forgets events recorded longer ago, and then operations accepted longer ago, their idempotency keys with them.
 * Cursors older than what is kept are told to read again; a key that is as old makes a new operation. What cannot be
 * forgotten is told to `log` and waits for the next time: numbering goes on with what is too much.
 */
export async function forget(session: Session, afterDays: number, log: Log): Promise<void> {
  for (const [what, statement] of [
    ['events', FORGET_EVENTS],
    ['operations', FORGET_OPERATIONS],
  ] as const) {
    try {
      for (;;) {
        const { rows } = await session.query<{ gone: number }>(statement, [afterDays]);
        if (Number(rows[0]?.gone ?? 0) < BATCH) break;
      }
    } catch (err) {
      log.warn({ err, afterDays }, `old ${what} could not be forgotten, will try again in an hour`);
    }
  }
}
