/**
 * Batches into PostgreSQL, however long that takes: what the database may get over is tried again with full jitter and
 * no end, and what it refuses because of a row is halved until that row is alone. Ids make every repetition harmless.
 */
import { Duration, Effect, Random, Schedule } from "effect"
import type { RequestLog } from "../core/requestLog.ts"
import type { DatabaseError } from "../db/client.ts"
import type { WriteResult } from "./channel.ts"

type Insert = (logs: ReadonlyArray<RequestLog>) => Effect.Effect<number, DatabaseError>

/** SQLSTATE classes and codes that only the data of a row can cause: data exception, not-null and check violation. */
const isRowFault = (code: string): boolean => /^(22...|23502|23514)$/.test(code)

const FIRST_WAIT = 100
const LONGEST_WAIT = 5_000

/** Full jitter: anything from nothing to the capped exponential, so that instances do not come back in step. */
const backoff = Schedule.min([Schedule.exponential(FIRST_WAIT), Schedule.spaced(LONGEST_WAIT)]).pipe(
  Schedule.modifyDelay(({ duration }) =>
    Effect.map(Random.next, (fraction) => Duration.times(duration, fraction)),
  ),
)

export const makeWriter = (insert: Insert) => {
  const write = (logs: ReadonlyArray<RequestLog>): Effect.Effect<WriteResult> =>
    insert(logs).pipe(
      Effect.tapError(({ code }) =>
        isRowFault(code)
          ? Effect.void
          : Effect.annotateLogs(Effect.logWarning("request logs not written yet"), {
              code,
              rows: logs.length,
            }),
      ),
      Effect.retry({ schedule: backoff, while: ({ code }) => !isRowFault(code) }),
      Effect.as({ written: logs.length, failed: 0 }),
      Effect.catch((error) => isolate(logs, error)),
    )

  const isolate = (logs: ReadonlyArray<RequestLog>, error: DatabaseError): Effect.Effect<WriteResult> => {
    if (logs.length <= 1)
      return Effect.as(
        Effect.annotateLogs(Effect.logError("a request log was refused"), {
          code: error.code,
          id: logs[0]?.id,
        }),
        {
          written: 0,
          failed: logs.length,
        },
      )
    const half = Math.ceil(logs.length / 2)
    return Effect.all([write(logs.slice(0, half)), write(logs.slice(half))]).pipe(
      Effect.map(([left, right]) => ({
        written: left.written + right.written,
        failed: left.failed + right.failed,
      })),
    )
  }
  return write
}
