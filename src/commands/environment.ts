/** What commands are given of the process, and the database that they work on. */
import { Effect, References, type Scope, type Stdio } from "effect"
import { type ConfigError, readConfig, StorageConfig } from "../config.ts"
import type { DatabaseError } from "../db/client.ts"
import { type Database, openDatabase, prepareSchema } from "../db/database.ts"
import type { EmbeddedDatabaseError } from "../db/embedded/error.ts"
import type { MigrationChanged } from "../db/migrate.ts"
import { withProgress } from "../progress.ts"

export type Environment = Readonly<Record<string, string | undefined>>

type StorageError = ConfigError | EmbeddedDatabaseError | DatabaseError | MigrationChanged

/** Opens the configured database, migrated: also while `serve` runs on it. */
export const migratedDatabase = (
  environment: Environment,
): Effect.Effect<
  { readonly database: Database; readonly applied: ReadonlyArray<string> },
  StorageError,
  Scope.Scope | Stdio.Stdio
> =>
  Effect.gen(function* () {
    const config = yield* readConfig(StorageConfig, environment)
    const open = Effect.gen(function* () {
      const database = yield* openDatabase(config)
      const applied = yield* prepareSchema(database)
      return { database, applied }
    })
    return yield* Effect.provideService(open, References.MinimumLogLevel, config.logLevel)
  }).pipe(withProgress("Opening the database"))
