/** `tokenmeter serve`: runs the server until a signal comes. */
import { Console, Effect, References } from "effect"
import { Command } from "effect/cli"
import { AppConfig, ConfigError, readConfig } from "../config.ts"
import { openDatabase } from "../db/database.ts"
import { withProgress } from "../progress.ts"
import { startServer } from "../server.ts"
import { version } from "../version.ts"
import type { Environment } from "./environment.ts"

/** `onServing` is called once a signal is how it is meant to end. */
export const serve = (environment: Environment, onServing: () => void) =>
  Effect.gen(function* () {
    const config = yield* readConfig(AppConfig, environment).pipe(Effect.mapError(pointAtDemo))
    onServing()
    const running = Effect.gen(function* () {
      const database = yield* openDatabase(config).pipe(withProgress("Starting the database"))
      const server = yield* startServer(config, database).pipe(withProgress("Waiting for the database"))
      const state = server.isReady() ? "" : " (not reachable yet: calls are answered 503 until it is)"
      yield* Console.log(
        `tokenmeter ${version} on ${server.url} · ${database.description}${state} · docs ${server.url}/docs`,
      )
      yield* Effect.never
    })
    yield* Effect.scoped(running).pipe(Effect.provideService(References.MinimumLogLevel, config.logLevel))
  })

export const serveCommand = (environment: Environment, onServing: () => void) =>
  Command.make("serve", {}, () => serve(environment, onServing)).pipe(
    Command.withDescription(
      "Serve the gateway (the default). GEMINI_API_KEY is the upstream key; the README lists all settings.",
    ),
  )

const pointAtDemo = (error: ConfigError): ConfigError =>
  error.message.startsWith("GEMINI_API_KEY")
    ? new ConfigError({
        message: `${error.message} (the upstream key). To look around without one: tokenmeter demo`,
      })
    : error
