/** Says on stderr what goes on when a step takes so long that people wonder. */
import { Console, Effect, Fiber } from "effect"

const WORTH_SAYING = "1 second"

/** `visible`: stderr is a terminal. */
export const withProgress =
  (label: string, visible: boolean) =>
  <A, E, R>(step: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      if (!visible) return yield* step
      const note = yield* Effect.forkChild(Effect.delay(Console.error(`${label} …`), WORTH_SAYING))
      return yield* Effect.ensuring(step, Fiber.interrupt(note))
    })
