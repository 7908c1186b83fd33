/** The database of this process: where it is, and its pools. Starts the embedded one when no other is configured. */
import { Duration, Effect, Option, Redacted, type Scope } from "effect"
import type { StorageConfig } from "../config.ts"
import { makePool, type Pool } from "./client.ts"
import { embeddedDatabase } from "./embedded.ts"
import type { EmbeddedDatabaseError } from "./embeddedDatabaseError.ts"
import type { DatabaseTarget } from "./target.ts"

export interface Database {
  readonly target: DatabaseTarget
  /** For people: where the database is, without credentials. */
  readonly description: string
  /** Key look-ups, which a client waits for. */
  readonly keys: Pool
  readonly writer: Pool
  /** Migrations, partitions and commands, which may take long. */
  readonly admin: Pool
}

const KEY_DEADLINE = Duration.seconds(2)
const WRITE_DEADLINE = Duration.seconds(7)
const ADMIN_DEADLINE = Duration.minutes(2)

export const openDatabase = (
  config: StorageConfig,
): Effect.Effect<Database, EmbeddedDatabaseError, Scope.Scope> =>
  Effect.gen(function* () {
    const target = yield* targetOf(config)
    return {
      target,
      description: describe(target, config.dataDir),
      keys: yield* makePool(target, { purpose: "keys", connections: 4, deadline: KEY_DEADLINE }),
      writer: yield* makePool(target, { purpose: "writer", connections: 2, deadline: WRITE_DEADLINE }),
      admin: yield* makePool(target, { purpose: "admin", connections: 1, deadline: ADMIN_DEADLINE }),
    }
  })

const targetOf = (config: StorageConfig): Effect.Effect<DatabaseTarget, EmbeddedDatabaseError, Scope.Scope> =>
  Option.match(config.databaseUrl, {
    onSome: (url) => Effect.succeed<DatabaseTarget>({ _tag: "Url", url }),
    onNone: () =>
      Effect.map(
        embeddedDatabase(config.dataDir),
        (socket): DatabaseTarget => ({ _tag: "Socket", ...socket }),
      ),
  })

const describe = (target: DatabaseTarget, dataDir: string): string => {
  if (target._tag === "Socket") return `embedded PostgreSQL in ${dataDir}`
  const url = new URL(Redacted.value(target.url))
  return `PostgreSQL ${url.host}${url.pathname}`
}
