import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { RequestLog } from "../../src/core/requestLog.ts"
import { DatabaseError } from "../../src/db/client.ts"
import { makeWriter } from "../../src/recorder/writer.ts"
import { effect } from "../support/effect.ts"
import { makeRequestLog } from "../support/requestLog.ts"

const refusedRow = new DatabaseError({ code: "22021" })

describe("makeWriter()", () => {
  for (const code of ["08006", "57P01", "53300", "CONNECTION_CLOSED", "DEADLINE", "42P01", "UNKNOWN"])
    effect(`tries again without end after ${code}, with the same rows`, () =>
      Effect.gen(function* () {
        const seen: Array<ReadonlyArray<RequestLog>> = []
        const write = makeWriter((logs) =>
          Effect.suspend(() => {
            seen.push(logs)
            return seen.length <= 50 ? Effect.fail(new DatabaseError({ code })) : Effect.succeed(logs.length)
          }),
        )
        const logs = [makeRequestLog(), makeRequestLog()]
        const writing = yield* Effect.forkChild(write(logs))
        yield* TestClock.adjust("10 minutes")
        expect(yield* Fiber.join(writing)).toEqual({ written: 2, failed: 0 })
        expect(seen).toHaveLength(51)
        expect(seen.every((batch) => batch === logs)).toBe(true)
      }),
    )

  effect("writes all but the one row that PostgreSQL refuses, in few statements", () =>
    Effect.gen(function* () {
      const logs = Array.from({ length: 500 }, () => makeRequestLog())
      const bad = logs[321]
      const written: Array<RequestLog> = []
      let statements = 0
      const write = makeWriter((batch) =>
        Effect.suspend(() => {
          statements++
          if (batch.includes(bad as RequestLog)) return Effect.fail(refusedRow)
          written.push(...batch)
          return Effect.succeed(batch.length)
        }),
      )
      expect(yield* write(logs)).toEqual({ written: 499, failed: 1 })
      expect(written).toEqual(logs.filter((log) => log !== bad))
      expect(statements).toBeLessThan(25)
    }),
  )
})
