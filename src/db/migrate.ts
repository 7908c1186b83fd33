/**
 * Brings a database to the present schema: the numbered files of `sql/`, each applied once, in order, all in one
 * transaction under an advisory lock, so that several instances may start at once. Files are append-only: one that was
 * applied and then changed is refused.
 */
import type { Effect } from "effect"
import type { Sql } from "postgres"
import apiKeys from "../../sql/0001_api_keys.sql" with { type: "text" }
import requestLogs from "../../sql/0002_request_logs.sql" with { type: "text" }
import { DatabaseError, type Pool } from "./client.ts"

export interface Migration {
  readonly name: string
  readonly text: string
}

/** Every file of `sql/`, in order; a test compares this list with the folder. */
export const migrations: ReadonlyArray<Migration> = [
  { name: "0001_api_keys", text: apiKeys },
  { name: "0002_request_logs", text: requestLogs },
]

/** "tokenmete" in ASCII: a key of the advisory lock space that nobody else is likely to use. */
const LOCK = "8390876208516392549"

/** Returns the names of the migrations that this call applied. */
export const migrate = (pool: Pool): Effect.Effect<ReadonlyArray<string>, DatabaseError> => pool.run(applyAll)

const applyAll = (sql: Sql): Promise<ReadonlyArray<string>> =>
  sql.begin(async (transaction) => {
    // Held until the transaction ends: the next instance waits here, and then finds nothing to do.
    await transaction.unsafe(`select pg_advisory_xact_lock(${LOCK})`)
    await transaction.unsafe(`
      create table if not exists schema_migrations (
        name       text primary key,
        checksum   text not null,
        applied_at timestamptz not null default now()
      )`)
    const applied = new Map<string, string>()
    for (const row of await transaction.unsafe("select name, checksum from schema_migrations"))
      applied.set(row.name, row.checksum)

    const names: Array<string> = []
    for (const { name, text } of migrations) {
      const checksum = Bun.CryptoHasher.hash("sha256", text, "hex")
      const known = applied.get(name)
      if (known === checksum) continue
      if (known !== undefined) throw new DatabaseError({ code: `MIGRATION_CHANGED ${name}` })
      await transaction.unsafe(text)
      await transaction.unsafe("insert into schema_migrations (name, checksum) values ($1, $2)", [
        name,
        checksum,
      ])
      names.push(name)
    }
    return names
  })
