/** `tokenmeter migrate`: brings the database to this version's schema. `serve` does so by itself. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { type Environment, migratedDatabase } from "./environment.ts"

export const migrateCommand = (environment: Environment) =>
  Command.make("migrate", {}, () =>
    Effect.gen(function* () {
      const { database, applied } = yield* migratedDatabase(environment)
      for (const name of applied) yield* Console.log(`applied ${name}`)
      if (applied.length === 0) yield* Console.log(`nothing to do: ${database.description} is up to date`)
    }).pipe(Effect.scoped),
  ).pipe(
    Command.withDescription(
      "Bring the database to this version's schema; several instances may do so at once.",
    ),
  )
