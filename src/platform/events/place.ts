/**
 * A place in the log: the number of an event, and which event that was. A restore, or a failover that lost commits, gives the
 * numbers behind it out again: without the mark a reader would miss what has them now.
 */
import { statement } from '../db/db.ts';

export interface Place {
  readonly seq: number;
  /** The end of the event's id. Null when it is not known: before the first, of one that is forgotten, in an old cursor. */
  readonly mark: string | null;
}

/** Random in each id: 30 bits. */
const MARK_LENGTH = 6;

export const placeOf = ({ seq, id }: { seq: number; id: string }): Place => ({ seq, mark: id.slice(-MARK_LENGTH) });

/** Where the log ends and begins, and which event it has at `$1`. */
export interface Head extends Place {
  firstSeq: number;
  markThere: string | null;
}

export const eventHeadNow = statement<Head>(
  'eventHeadNow',
  `select h.seq, right(e.id, ${MARK_LENGTH}) as mark, h.first_seq as "firstSeq", right(p.id, ${MARK_LENGTH}) as "markThere"
   from clops.event_head h left join clops.events e on e.seq = h.seq left join clops.events p on p.seq = $1`,
);

/** Of a head that was asked for this place: the log ends before it, or has another event there. */
export const isElsewhere = ({ seq, mark }: Place, head: Head): boolean =>
  seq > head.seq || differ(mark, head.markThere);

export const differ = (mark: string | null, other: string | null): boolean =>
  mark !== null && other !== null && mark !== other;
