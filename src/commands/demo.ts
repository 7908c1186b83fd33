/** `tokenmeter demo`: the whole service against a stand-in for Gemini, with nothing to configure. */
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { Environment } from "./environment.ts"

export const demoCommand = (_environment: Environment) =>
  Command.make(
    "demo",
    {
      once: Flag.Boolean("once").pipe(Flag.withDescription("Exit after the report"), Flag.withDefault(false)),
    },
    () => Effect.void,
  ).pipe(
    Command.withDescription(
      "Meter a dozen calls to a built-in stand-in for Gemini and show what was recorded.",
    ),
  )
