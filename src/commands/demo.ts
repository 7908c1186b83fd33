/** `tokenmeter demo`: the whole service against a stand-in for Gemini, with nothing to configure. */
import { Command, Flag } from "effect/cli"
import { runDemo } from "../demo/demo.ts"
import type { Environment } from "./environment.ts"

const once = Flag.Boolean("once").pipe(Flag.withDescription("Exit after the report"), Flag.withDefault(false))

export const demoCommand = ({ NO_COLOR }: Environment, onServing: () => void) =>
  Command.make("demo", { once }, (flags) => runDemo({ once: flags.once, colour: !NO_COLOR, onServing })).pipe(
    Command.withDescription(
      "Meter a dozen calls to a built-in stand-in for Gemini and show what was recorded.",
    ),
  )
