/** Says on stderr what is going on, when it takes longer than a second and a person is there to read it. */
import { Console, Effect, Fiber, Stdio } from "effect"

const PATIENCE = "1 second"

export const withProgress =
  (message: string) =>
  <A, E, R>(step: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Stdio.Stdio> =>
    Effect.gen(function* () {
      const { stderrIsTerminal } = yield* Stdio.Stdio
      if (!(yield* stderrIsTerminal)) return yield* step
      const saying = yield* Effect.forkChild(
        Effect.andThen(Effect.sleep(PATIENCE), Console.error(`${message} …`)),
      )
      return yield* Effect.ensuring(step, Fiber.interrupt(saying))
    })
