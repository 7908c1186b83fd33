/**
 * Brings a database to the present schema: the numbered files of `sql/`, each applied once, in order, all in one
 * transaction under an advisory lock, so that several instances may start at once. Files are append-only: one that was
 * applied and then changed is refused.
 */
import { Data, Effect, Result } from "effect"
import type { Sql } from "postgres"
import apiKeys from "../../sql/0001_api_keys.sql" with { type: "text" }
import requestLogs from "../../sql/0002_request_logs.sql" with { type: "text" }
import type { DatabaseError, Pool } from "./client.ts"
import { pg, run, statement } from "./statement.ts"

export interface Migration {
  readonly name: string
  readonly text: string
}

/** Every file of `sql/`, in order; a test compares this list with the folder. */
export const migrations: ReadonlyArray<Migration> = [
  { name: "0001_api_keys", text: apiKeys },
  { name: "0002_request_logs", text: requestLogs },
]

/** "tokenmet" in ASCII: a key of the advisory lock space that nobody else is likely to use. */
const LOCK = "8390042714203055476"

export const listMigrationsStatement = statement({
  parameters: {},
  row: { name: pg.text, checksum: pg.text },
  text: () => "select name, checksum from schema_migrations",
})

export const insertMigrationStatement = statement({
  parameters: { name: pg.text, checksum: pg.text },
  row: {},
  text: (p) => `insert into schema_migrations (name, checksum) values (${p.name}, ${p.checksum})`,
})

/** The database has a migration under this name that reads otherwise; nothing was changed. */
export class MigrationChanged extends Data.TaggedError("MigrationChanged")<{
  readonly migration: string
}> {
  override get message(): string {
    return `Migration ${this.migration} was applied to this database with another text. Use the version that applied it, or another database.`
  }
}

/** Returns the names of the migrations that this call applied. */
export const migrate = (pool: Pool): Effect.Effect<ReadonlyArray<string>, DatabaseError | MigrationChanged> =>
  Effect.flatMap(pool.run(applyAll), Effect.fromResult)

type Applied = Result.Result<ReadonlyArray<string>, MigrationChanged>

const applyAll = (sql: Sql): Promise<Applied> =>
  sql.begin(async (transaction): Promise<Applied> => {
    // Held until the transaction ends: the next instance waits here, and then finds nothing to do.
    await transaction.unsafe(`select pg_advisory_xact_lock(${LOCK})`)
    await transaction.unsafe(`
      create table if not exists schema_migrations (
        name       text primary key,
        checksum   text not null,
        applied_at timestamptz not null default now()
      )`)
    const rows = await run(transaction, listMigrationsStatement, {})
    const applied = new Map(rows.map((row) => [row.name, row.checksum]))
    const changed = migrations.find(
      ({ name, text }) => (applied.get(name) ?? checksum(text)) !== checksum(text),
    )
    if (changed !== undefined) return Result.fail(new MigrationChanged({ migration: changed.name }))

    const names: Array<string> = []
    for (const { name, text } of migrations) {
      if (applied.has(name)) continue
      await transaction.unsafe(text)
      await run(transaction, insertMigrationStatement, { name, checksum: checksum(text) })
      names.push(name)
    }
    return Result.succeed(names)
  }) as Promise<Applied>

const checksum = (text: string): string => Bun.CryptoHasher.hash("sha256", text, "hex")
