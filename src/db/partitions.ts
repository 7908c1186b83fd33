/** Keeps the daily partitions of `request_logs` ahead of the clock. Dropping old ones is not done here. */
import { Effect } from "effect"
import type { DatabaseError, Pool } from "./client.ts"
import { pg, run, statement } from "./statement.ts"

/** Days made ahead, today not counted: a week in which nobody need be able to create tables. */
export const DAYS_AHEAD = 7

export const makePartitionsStatement = statement({
  parameters: { days: pg.int4 },
  row: { made: pg.int4 },
  text: ({ days }) =>
    // Yesterday too: an exchange admitted before midnight may end after it.
    `select make_request_log_partitions((now() at time zone 'UTC')::date - 1, ${days}) as made`,
})

/** Returns how many were made. Safe to call from several instances at once. */
export const makePartitions = (pool: Pool): Effect.Effect<number, DatabaseError> =>
  pool
    .run((sql) => run(sql, makePartitionsStatement, { days: DAYS_AHEAD + 2 }))
    .pipe(Effect.map(([row]) => row?.made ?? 0))
