import { afterAll, expect, test } from "bun:test"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { Duration, Effect } from "effect"
import { makePool, type Pool } from "../../src/db/client.ts"
import { migrate, migrations } from "../../src/db/migrate.ts"
import { DAYS_AHEAD, makePartitions } from "../../src/db/partitions.ts"
import { connectTo, createDatabase } from "../support/postgres.ts"

const closing: Array<() => Promise<unknown>> = []
afterAll(() => Promise.all(closing.map((close) => close())))

const emptyDatabase = async () => {
  const target = await createDatabase({ migrated: false })
  const sql = connectTo(target)
  closing.push(() => sql.end())
  const withPools = <A>(count: number, use: (pools: ReadonlyArray<Pool>) => Effect.Effect<A, unknown>) =>
    Effect.gen(function* () {
      const pools = yield* Effect.all(
        Array.from({ length: count }, () =>
          makePool(target, { purpose: "test", connections: 1, deadline: Duration.seconds(20) }),
        ),
      )
      return yield* use(pools)
    }).pipe(Effect.scoped, Effect.runPromise)
  return { sql, withPools }
}

test("every file of sql/ is in the list of migrations, in order", async () => {
  const files = (await readdir(join(import.meta.dir, "../../sql"))).sort()
  expect(migrations.map(({ name }) => `${name}.sql`)).toEqual(files)
})

test("migrate() applies each migration once, also when several instances start at once", async () => {
  const { sql, withPools } = await emptyDatabase()
  const applied = await withPools(5, (pools) => Effect.all(pools.map(migrate), { concurrency: "unbounded" }))
  expect(applied.flat().sort()).toEqual(migrations.map(({ name }) => name))
  expect((await sql`select name from schema_migrations order by name`).map(({ name }) => name)).toEqual(
    migrations.map(({ name }) => name),
  )
})

test("migrate() refuses a migration that was changed after it was applied", async () => {
  const { sql, withPools } = await emptyDatabase()
  await withPools(1, ([pool]) => migrate(pool as Pool))
  await sql`update schema_migrations set checksum = 'another' where name = '0001_api_keys'`
  const error = await withPools(1, ([pool]) => Effect.flip(migrate(pool as Pool)))
  expect(error).toMatchObject({ _tag: "MigrationChanged", migration: "0001_api_keys" })
})

test("makePartitions() makes yesterday, today and a week ahead, and nothing the second time", async () => {
  const { withPools, sql } = await emptyDatabase()
  const made = await withPools(2, ([pool, other]) =>
    Effect.gen(function* () {
      yield* migrate(pool as Pool)
      return [yield* makePartitions(pool as Pool), yield* makePartitions(other as Pool)]
    }),
  )
  expect(made).toEqual([DAYS_AHEAD + 2, 0])
  const [row] = await sql`
    select count(*)::int as days from pg_inherits where inhparent = 'request_logs'::regclass
      and inhrelid <> 'request_logs_default'::regclass`
  expect(row?.days).toBe(DAYS_AHEAD + 2)
})

test("a row goes to the partition of its id's day, and to the default partition when there is none", async () => {
  const { withPools, sql } = await emptyDatabase()
  await withPools(1, ([pool]) => Effect.andThen(migrate(pool as Pool), makePartitions(pool as Pool)))
  const partitionOf = async (at: Date) => {
    const [row] = await sql`
      insert into request_logs (id, created_at, api_key_id, endpoint, outcome, streamed, usage_final, latency_ms)
      values (${Bun.randomUUIDv7("hex", at)}, ${at}, ${crypto.randomUUID()}, 'generateContent', 'complete', false, true, 1)
      returning tableoid::regclass::text as partition`
    return row?.partition
  }
  const midnight = new Date()
  midnight.setUTCHours(0, 0, 0, 0)
  const day = (at: Date) => `request_logs_${at.toISOString().slice(0, 10).replaceAll("-", "")}`
  expect(await partitionOf(midnight)).toBe(day(midnight))
  const lastMillisecond = new Date(midnight.getTime() - 1)
  expect(await partitionOf(lastMillisecond)).toBe(day(lastMillisecond))
  expect(await partitionOf(new Date("2031-01-01"))).toBe("request_logs_default")
})
