/** A log that is no longer the one that was read: restored from a backup, or served by a standby that had not everything yet. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placeOf } from '../../../src/platform/events/place.ts';
import { eventually } from '../../support/eventually.ts';
import { type Lab, openLab, type Reading, upTo } from './lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab.close());

/** As after a restore: what came after `seq` has never been, and in its place there are so many others. */
const restore = (seq: number, others = 0): Promise<void> =>
  lab.db.tx(async (tx) => {
    await tx.read({ name: 'lose', text: 'delete from clops.events where seq > $1' }, [seq]);
    const text = `insert into clops.events (seq, id, type, at, recorded_at, subject_id, actor_id, message, data, about)
      select n, 'evt_' || md5(n::text), 'test.other', now(), now(), 'b', 'sys_test', 'other', '{}', array['b']
      from generate_series($1::bigint + 1, $1::bigint + $2::bigint) n`;
    await tx.read({ name: 'others', text }, [seq, others]);
    await tx.read({ name: 'moveHead', text: 'update clops.event_head set seq = $1::bigint + $2::bigint' }, [
      seq,
      others,
    ]);
  });

const story = ({ messages }: Reading) =>
  messages.map(
    (message) => `${message.kind} ${message.seq}${message.kind === 'event' ? ` ${message.event.type}` : ''}`,
  );
const untilTold = (reading: Reading, told: string[]) => eventually(() => expect(story(reading)).toEqual(told));

/** Three events that a stream has read. */
async function threeRead() {
  const log = await lab.aLog();
  const reading = lab.read(log, { after: 0 });
  for (const subject of ['a', 'a', 'a']) await lab.count(log, subject);
  const told = upTo(3).map((seq) => `event ${seq} test.counted`);
  await untilTold(reading, told);
  return { log, reading, told };
}

test('one that ends earlier: open streams are told, and what is new under an old number reaches them', async () => {
  const { log, reading, told } = await threeRead();
  await restore(1);
  await untilTold(reading, [...told, 'resync 1']);
  await lab.count(log, 'b');
  await untilTold(reading, [...told, 'resync 1', 'event 2 test.counted']);
  expect(log.head().seq).toBe(2);
  await eventually(() => expect(log.lagMs()).toBeLessThan(1_500));
});

test.each([2, 5])(
  'one with %i others in the place of two: open streams are told, and nothing is taken for what follows',
  async (others) => {
    const { log, reading, told } = await threeRead();
    await restore(1, others);
    const end = 1 + others;
    await untilTold(reading, [...told, `resync ${end}`]);
    await lab.count(log, 'b');
    await untilTold(reading, [...told, `resync ${end}`, `event ${end + 1} test.counted`]);
  },
);

test('it is noticed while the connection is away as well', async () => {
  const { log, reading, told } = await threeRead();
  await lab.killEventConnections();
  await restore(0, 3);
  await untilTold(reading, [...told, 'resync 3']);
  await eventually(() => expect(log.healthy()).toBe(true));
});

test('a cursor of another log is told to read again; one that says only a number is believed', async () => {
  const { log, reading } = await threeRead();
  const places = reading.messages.map((message) => (message.kind === 'event' ? placeOf(message.event) : message));
  const [, second, third] = places;
  await restore(2, 4);
  // A stream that begins before that is noticed may be given what was lost, and is told afterwards.
  await eventually(() => expect(story(reading).at(-1)).toBe('resync 6'));
  const [same, other, old] = [
    lab.read(log, { after: second }),
    lab.read(log, { after: third }),
    lab.read(log, { after: 3 }),
  ];
  await eventually(() => expect(story(other)[0]).toBe('resync 6'));
  await eventually(() => expect(same.seqs()).toEqual([3, 4, 5, 6]));
  await eventually(() => expect(old.seqs()).toEqual([4, 5, 6]));
});

test('a log whose newest event was forgotten is the same one', async () => {
  const { log, reading, told } = await threeRead();
  await lab.db.tx(async (tx) => {
    await tx.read({ name: 'forgetAll', text: 'delete from clops.events' });
    await tx.read({ name: 'moveFirst', text: 'update clops.event_head set first_seq = 4' });
  });
  await lab.count(log, 'a');
  await untilTold(reading, [...told, 'event 4 test.counted']);
});
