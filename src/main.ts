/**
 * The command line: serve (default) · migrate · keys · demo. The only file that touches `process`: arguments,
 * environment, signals, exit code. What the commands do lives in `commands/`.
 *
 * Exit codes: 0 done · 1 it failed, and stderr says why in a line · 2 the command line was wrong · 130 a signal ended it, or
 * a second one its shutdown.
 */
import {
  NodeChildProcessSpawner,
  NodeFileSystem,
  NodePath,
  NodeStdio,
  NodeTerminal,
} from "@effect/platform-node-shared"
import { Cause, Effect, Exit, Layer, Logger, Runtime } from "effect"
import { CliConfig, CliError, Command, GlobalFlag } from "effect/cli"
import { demoCommand } from "./commands/demo.ts"
import { keysCommand } from "./commands/keys.ts"
import { migrateCommand } from "./commands/migrate.ts"
import { serve, serveCommand } from "./commands/serve.ts"
import { version } from "./version.ts"

/** Bun's own cap on concurrent `fetch` calls is 256, and is read from the environment before the program begins. */
const FETCH_LIMIT = { name: "BUN_CONFIG_MAX_HTTP_REQUESTS", value: "65336" }

if (process.env[FETCH_LIMIT.name] === undefined) {
  // A compiled program has a path inside itself where the script would be.
  const program = process.execArgv.concat(process.argv.slice(Bun.isStandaloneExecutable ? 2 : 1))
  const environment = { ...process.env, [FETCH_LIMIT.name]: FETCH_LIMIT.value }
  process.execve?.(process.execPath, [process.execPath, ...program], environment)
}

const environment = process.env

/** From then on a signal is how the command is meant to end. */
let isServing = false
const onServing = () => {
  isServing = true
}

const tokenmeter = Command.make("tokenmeter", {}, () => serve(environment, onServing)).pipe(
  Command.withDescription("A gateway for the Gemini API that records the token usage of every call."),
  Command.withSubcommands([
    serveCommand(environment, onServing),
    migrateCommand(environment),
    keysCommand(environment),
    demoCommand(environment, onServing),
  ]),
)

const Terminal = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeStdio.layer, NodeTerminal.layer)
const Platform = Layer.provideMerge(NodeChildProcessSpawner.layer, Terminal)

/** One JSON object a line, on stderr: stdout belongs to what a command was asked for. */
const Logging = Logger.layer([Logger.withConsoleError(Logger.formatJson)])

const USAGE_ERROR = 2
const INTERRUPTED = 130

/** `bun run` passes on what a terminal has sent to the whole group: the same signal so soon after is the same one, in milliseconds. */
const SAME_SIGNAL = 100

/** Errors of the command line were shown, with the help, where they were found. */
const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return isServing ? 0 : INTERRUPTED
  const error = Cause.squash(exit.cause)
  if (CliError.isCliError(error)) return USAGE_ERROR
  console.error(`tokenmeter: ${error instanceof Error ? error.message : "an unexpected error"}`)
  return 1
}

const run = Runtime.makeRunMain(({ fiber }) => {
  let first: { readonly signal: string; readonly at: number } | null = null
  const stop = (signal: string) => {
    const at = performance.now()
    const isAnother = first !== null && (first.signal !== signal || at - first.at > SAME_SIGNAL)
    if (isAnother) process.exit(INTERRUPTED)
    first ??= { signal, at }
    fiber.interruptUnsafe()
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop)
  fiber.addObserver((exit) => process.exit(exitCode(exit)))
})

/** LOG_LEVEL is the one way to set the level, and there is no wizard for a command line this small. */
const Flags = Layer.succeed(CliConfig.CliConfig, {
  builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions],
})

Command.runWith(tokenmeter, { version })(process.argv.slice(2)).pipe(
  Effect.provide(Layer.mergeAll(Platform, Logging, Flags)),
  (program) => run(program, { disableErrorReporting: true }),
)
