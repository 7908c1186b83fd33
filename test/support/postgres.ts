/**
 * PostgreSQL for tests: one server per run, started by the first test that asks for a database, and a fresh database
 * for whoever asks, cloned from one that was migrated once. With DATABASE_URL the databases are made on that server.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Duration, Effect, Exit, Redacted, Scope } from "effect"
import postgres, { type Sql } from "postgres"
import { makePool } from "../../src/db/client.ts"
import { preparePostgresHome } from "../../src/db/embedded/home.ts"
import { stopPostmaster } from "../../src/db/embedded/postmaster.ts"
import { embeddedDatabase } from "../../src/db/embedded.ts"
import { migrate } from "../../src/db/migrate.ts"
import type { DatabaseTarget } from "../../src/db/target.ts"
import { holdLock } from "../../src/lock.ts"
import { atEndOfRun } from "../preload.ts"

/** Data directories of tests start with this, so that what a killed run leaves behind can be found. */
export const testDirectoryPrefix = "tokenmeter-test-"

export interface DatabaseOptions {
  /** Without, the database is empty. */
  readonly migrated?: boolean
}

export const createDatabase = async (options: DatabaseOptions = {}): Promise<DatabaseTarget> => {
  server ??= startServer()
  const { admin, template, on } = await server
  const name = nextName()
  await admin.unsafe(
    `create database ${name} template ${options.migrated === false ? "template0" : template}`,
  )
  created.push(name)
  return on(name)
}

/** For a test that speaks to its database directly. */
export const connectTo = (target: DatabaseTarget): Sql =>
  target._tag === "Url"
    ? postgres(Redacted.value(target.url), { onnotice: () => {} })
    : postgres({
        path: join(target.socketDirectory, `.s.PGSQL.${target.port}`),
        user: target.user,
        database: target.database,
        onnotice: () => {},
      })

interface Server {
  readonly admin: Sql
  readonly template: string
  readonly on: (database: string) => DatabaseTarget
}

let server: Promise<Server> | undefined
const created: Array<string> = []

const run = crypto.randomUUID().slice(0, 8)
let databases = 0
const nextName = (): string => `tokenmeter_test_${run}_${databases++}`

/** Lost at a power cut, and nobody minds. */
const careless = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" } as const

const startServer = async (): Promise<Server> => {
  const url = process.env.DATABASE_URL
  const found = url === undefined ? await startEmbedded() : onUrl(url)
  const admin = connectTo(found.admin)
  atEndOfRun(async () => {
    if (url !== undefined)
      for (const name of created) await admin.unsafe(`drop database ${name} with (force)`)
    await admin.end()
  })
  const template = nextName()
  await admin.unsafe(`create database ${template} template template0`)
  created.push(template)
  await migrateOnce(found.on(template))
  return { admin, template, on: found.on }
}

interface Found {
  readonly admin: DatabaseTarget
  readonly on: (database: string) => DatabaseTarget
}

const onUrl = (url: string): Found => {
  const on = (database: string): DatabaseTarget => {
    const other = new URL(url)
    other.pathname = `/${database}`
    return { _tag: "Url", url: Redacted.make(other.href) }
  }
  return { admin: { _tag: "Url", url: Redacted.make(url) }, on }
}

const startEmbedded = async (): Promise<Found> => {
  await sweep()
  const directory = await mkdtemp(join(tmpdir(), testDirectoryPrefix))
  const scope = Scope.makeUnsafe()
  atEndOfRun(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await rm(directory, { recursive: true })
  })
  const target = await Effect.runPromise(embeddedDatabase(directory, careless).pipe(Scope.provide(scope)))
  return {
    admin: { _tag: "Socket", ...target },
    on: (database) => ({ _tag: "Socket", ...target, database }),
  }
}

const migrateOnce = (target: DatabaseTarget): Promise<unknown> =>
  Effect.gen(function* () {
    const pool = yield* makePool(target, {
      purpose: "test",
      connections: 1,
      deadline: Duration.seconds(30),
    })
    yield* migrate(pool)
  }).pipe(Effect.scoped, Effect.runPromise)

/** A run that was killed leaves its server and its directory behind. Those that are in use are locked. */
const sweep = async (): Promise<void> => {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(testDirectoryPrefix)) continue
    await Effect.gen(function* () {
      const directory = join(tmpdir(), name)
      const home = yield* Effect.tryPromise(() => preparePostgresHome(directory))
      yield* holdLock(home.startingLock, "exclusive", 0)
      yield* holdLock(home.usersLock, "exclusive", 0)
      yield* Effect.tryPromise(() => stopPostmaster(home))
      yield* Effect.tryPromise(() => rm(directory, { recursive: true }))
    }).pipe(Effect.scoped, Effect.ignore, Effect.runPromise)
  }
}
