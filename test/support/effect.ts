/** Tests that are Effects: a scope of their own, no log, and time that moves only when the test says so. */
import { test } from "bun:test"
import { Effect, Layer, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"

const World = Layer.merge(TestClock.layer(), Logger.layer([]))

export const effect = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>): void =>
  test(name, () => Effect.runPromise(body().pipe(Effect.scoped, Effect.provide(World))))
