import { describe, expect } from "bun:test"
import { Deferred, Duration, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type ChannelOptions, makeChannel } from "../../src/recorder/channel.ts"
import { effect } from "../support/effect.ts"

type Write = ChannelOptions<number>["write"]

/** A channel of numbers, and the batches that it has written. */
const channelOf = (options: Partial<ChannelOptions<number>> = {}) =>
  Effect.gen(function* () {
    const batches: Array<ReadonlyArray<number>> = []
    const write: Write = (batch) =>
      Effect.sync(() => {
        batches.push(batch)
        return { written: batch.length, failed: 0 }
      })
    const channel = yield* makeChannel<number>({
      capacity: 10,
      batchSize: 3,
      batchWindow: Duration.seconds(1),
      drainWithin: Duration.seconds(5),
      write,
      ...options,
    })
    return { channel, batches }
  })

describe("makeChannel()", () => {
  effect("writes what the window brought when it closes", () =>
    Effect.gen(function* () {
      const { channel, batches } = yield* channelOf()
      channel.offer(1)
      channel.offer(2)
      yield* TestClock.adjust("999 millis")
      expect(batches).toEqual([])
      yield* TestClock.adjust("1 millis")
      expect(batches).toEqual([[1, 2]])
    }),
  )

  effect("writes a full batch at once", () =>
    Effect.gen(function* () {
      const { channel, batches } = yield* channelOf()
      for (const item of [1, 2, 3, 4]) channel.offer(item)
      yield* TestClock.adjust("1 millis")
      expect(batches).toEqual([[1, 2, 3]])
    }),
  )

  effect("refuses and counts what does not fit, and never blocks", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const write: Write = (batch) => Effect.as(Deferred.await(gate), { written: batch.length, failed: 0 })
      const { channel } = yield* channelOf({ capacity: 4, batchSize: 2, write })
      for (let item = 0; item < 6; item++) channel.offer(item)
      expect(channel.counts()).toEqual({ offered: 6, written: 0, failed: 0, refused: 2 })
      yield* Deferred.succeed(gate, undefined)
      yield* channel.settled
      expect(channel.counts()).toEqual({ offered: 6, written: 4, failed: 0, refused: 2 })
    }),
  )

  effect("goes on after a defect in the writer, and counts the batch that it cost", () =>
    Effect.gen(function* () {
      let calls = 0
      const write: Write = (batch) =>
        Effect.sync(() => {
          if (calls++ === 0) throw new Error("a defect")
          return { written: batch.length, failed: 0 }
        })
      const { channel } = yield* channelOf({ batchSize: 1, write })
      channel.offer(1)
      channel.offer(2)
      yield* channel.settled
      expect(channel.counts()).toEqual({ offered: 2, written: 1, failed: 1, refused: 0 })
    }),
  )

  effect("settles only when everything offered has been written", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const write: Write = (batch) => Effect.as(Deferred.await(gate), { written: batch.length, failed: 0 })
      const { channel } = yield* channelOf({ batchSize: 1, write })
      channel.offer(1)
      const settled = yield* Effect.forkChild(channel.settled)
      yield* TestClock.adjust("1 minute")
      expect(settled.pollUnsafe()).toBeUndefined()
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(settled)
      expect(channel.counts().written).toBe(1)
    }),
  )

  effect("writes everything that is queued when its scope closes, and refuses what comes later", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { channel, batches } = yield* channelOf({ batchWindow: Duration.hours(1) }).pipe(
        Scope.provide(scope),
      )
      for (let item = 0; item < 7; item++) channel.offer(item)
      yield* Scope.close(scope, Exit.void)
      expect(batches).toEqual([[0, 1, 2], [3, 4, 5], [6]])
      channel.offer(7)
      expect(channel.counts()).toEqual({ offered: 8, written: 7, failed: 0, refused: 1 })
    }),
  )

  effect("gives up on the final drain when its time is over", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { channel } = yield* channelOf({ write: () => Effect.never }).pipe(Scope.provide(scope))
      channel.offer(1)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      expect(channel.counts().written).toBe(0)
    }),
  )
})
