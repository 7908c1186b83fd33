/** The database of this process: where it is, and its pools. Starts the embedded one when no other is configured. */
import { Duration, Effect, Option, Redacted, type Scope } from "effect"
import type { StorageConfig } from "../config.ts"
import { type DatabaseError, makePool, type Pool } from "./client.ts"
import type { EmbeddedDatabaseError } from "./embedded/error.ts"
import { embeddedDatabase } from "./embedded.ts"
import { type MigrationChanged, migrate } from "./migrate.ts"
import { makePartitions } from "./partitions.ts"
import type { DatabaseTarget } from "./target.ts"

export interface Database {
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

/** The configured database, or the embedded one. */
export const openDatabase = (
  config: StorageConfig,
): Effect.Effect<Database, EmbeddedDatabaseError, Scope.Scope> =>
  Option.match(config.databaseUrl, {
    onSome: (url) => connectDatabase({ _tag: "Url", url }),
    onNone: () =>
      Effect.flatMap(embeddedDatabase(config.dataDir), (socket) =>
        connectDatabase({ _tag: "Socket", ...socket }),
      ),
  })

export const connectDatabase = (target: DatabaseTarget): Effect.Effect<Database, never, Scope.Scope> =>
  Effect.all({
    description: Effect.succeed(describe(target)),
    keys: makePool(target, { purpose: "keys", connections: 4, deadline: KEY_DEADLINE }),
    writer: makePool(target, { purpose: "writer", connections: 2, deadline: WRITE_DEADLINE }),
    admin: makePool(target, { purpose: "admin", connections: 1, deadline: ADMIN_DEADLINE }),
  })

/** Brings the schema to this version, with partitions ahead; returns the names of the migrations that this call applied. */
export const prepareSchema = ({
  admin,
}: Database): Effect.Effect<ReadonlyArray<string>, DatabaseError | MigrationChanged> =>
  Effect.tap(migrate(admin), () => makePartitions(admin))

const describe = (target: DatabaseTarget): string => {
  if (target._tag === "Socket") return `embedded PostgreSQL at ${target.socketDirectory}`
  const url = URL.parse(Redacted.value(target.url))
  return `PostgreSQL at ${url?.host}${url?.pathname}`
}
