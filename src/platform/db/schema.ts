/** All tables live in a Postgres schema of their own, so that CLOps can share a database. Slices declare theirs in it. */
import { customType, pgSchema } from 'drizzle-orm/pg-core';

export const clops = pgSchema('clops');

/** Milliseconds, because that is what the API shows: what is read back equals what was answered. */
export const moment = customType<{ data: Date; driverData: Date | string }>({
  dataType: () => 'timestamp(3) with time zone',
  fromDriver: (value) => (value instanceof Date ? value : new Date(value)),
});

/** bigint that fits in a JavaScript number (up to 2^53). */
export const bigint53 = customType<{ data: number; driverData: string | number }>({
  dataType: () => 'bigint',
  fromDriver: (value) => Number(value),
});
