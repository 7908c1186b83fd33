import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { operationOf } from "../src/core/operation.ts"
import type { RequestLog } from "../src/core/requestLog.ts"
import { makeMeter } from "../src/meter.ts"
import { UpstreamError } from "../src/upstream.ts"
import { effect } from "./support/effect.ts"

const GENERATE = operationOf("POST", "/v1beta/models/gemini-2.5-flash:generateContent")
const KEY = "0190a0b0-0000-7000-8000-000000000001"

const meterOf = (logs: Array<RequestLog>) => makeMeter((log) => logs.push(log))

describe("meter.settled", () => {
  effect("waits for the last exchange under way, so that a shutdown leaves no row behind", () =>
    Effect.gen(function* () {
      const logs: Array<RequestLog> = []
      const meter = meterOf(logs)
      const [first, second] = [meter.admit(KEY, GENERATE), meter.admit(KEY, GENERATE)]
      const settled = yield* Effect.forkChild(meter.settled, { startImmediately: true })
      yield* Effect.promise(async () => first.observe(new Response("{}")).onEnd("complete"))
      yield* Effect.yieldNow
      expect(settled.pollUnsafe()).toBeUndefined()
      yield* Effect.promise(async () => second.observe(new Response("{}")).onEnd("client_aborted"))
      yield* Fiber.join(settled)
      expect(logs.map(({ outcome }) => outcome)).toEqual(["complete", "client_aborted"])
    }),
  )

  effect("waits for none that was not sent, and that one leaves no row", () =>
    Effect.gen(function* () {
      const logs: Array<RequestLog> = []
      const meter = meterOf(logs)
      yield* meter.settled
      meter.admit(KEY, GENERATE).endWithoutAnswer(new UpstreamError({ reason: "unsent" }))
      meter.admit(KEY, GENERATE).endWithoutAnswer(new UpstreamError({ reason: "unreachable" }))
      yield* meter.settled
      expect(logs).toEqual([])
    }),
  )
})
