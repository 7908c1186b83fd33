/** The embedded PostgreSQL: real servers, real processes, real kills. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { embeddedDatabase } from "../../src/db/embedded.ts"
import type { SocketTarget } from "../../src/db/target.ts"
import { startChild } from "../support/child.ts"
import { connectTo } from "../support/postgres.ts"

const isRoot = process.getuid?.() === 0

let base = ""
/** A stopped cluster to copy, which is quicker than an initdb for each test. */
let seed = ""
let directories = 0

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "tokenmeter-embedded-")))
  await chmod(base, 0o711)
  seed = newDataDir()
  const { target, leave } = await enter(seed)
  await query(target, "create table notes as select 'kept' as text")
  await leave()
}, 60_000)

afterAll(() => rm(base, { recursive: true }))

const newDataDir = (): string => join(base, `data-${directories++}`)

const copySeed = async (dataDir = newDataDir()): Promise<string> => {
  await mkdir(dirname(dataDir), { recursive: true })
  expect(await Bun.spawn(["cp", "-Rp", seed, dataDir]).exited).toBe(0)
  return dataDir
}

const enter = async (dataDir: string) => {
  const scope = Scope.makeUnsafe()
  const database = embeddedDatabase(dataDir, { fsync: "off" }).pipe(Scope.provide(scope))
  const target = await Effect.runPromise(database)
  return { target, leave: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const startUser = async (dataDir: string) => {
  const child = startChild("embeddedUser.ts", dataDir)
  const target: SocketTarget = JSON.parse(await child.firstLine)
  return { ...child, target }
}

const query = async (target: SocketTarget, text: string): Promise<unknown> => {
  const sql = connectTo({ _tag: "Socket", ...target })
  try {
    return [...(await sql.unsafe(text).values())].flat()
  } finally {
    await sql.end()
  }
}

const pidFile = (dataDir: string): string => join(dataDir, "postgres", "postmaster.pid")
const serverPid = async (dataDir: string): Promise<number> =>
  Number((await readFile(pidFile(dataDir), "utf8")).split("\n")[0])

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const eventually = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await Bun.sleep(5) // bounded by the timeout of the test
}

const notes = "select text from notes"

test("the first start makes a private cluster that listens on a unix socket only", async () => {
  const dataDir = newDataDir()
  const { target, leave } = await enter(dataDir)
  expect(target).toEqual({
    socketDirectory: join(dataDir, "postgres-socket"),
    port: 5432,
    user: "tokenmeter",
    database: "postgres",
  })
  for (const directory of [dataDir, target.socketDirectory, join(dataDir, "postgres")]) {
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
  }
  expect(await query(target, "show listen_addresses")).toEqual([""])
  expect(await query(target, "show server_encoding")).toEqual(["UTF8"])
  await leave()
}, 30_000)

test("what was written is there at the next start", async () => {
  const { target, leave } = await enter(await copySeed())
  expect(await query(target, notes)).toEqual(["kept"])
  await leave()
})

test("a second user shares the server, and the last one to leave stops it", async () => {
  const dataDir = await copySeed()
  const first = await enter(dataDir)
  const pid = await serverPid(dataDir)
  const second = await startUser(dataDir)
  const third = await enter(dataDir)
  expect(second.target).toEqual(first.target)
  expect(await serverPid(dataDir)).toBe(pid)

  await first.leave()
  expect(await query(third.target, notes)).toEqual(["kept"])
  await third.leave()
  expect(await query(second.target, notes)).toEqual(["kept"])
  expect(await second.finish()).toBe(0)
  expect(existsSync(pidFile(dataDir))).toBe(false)
  await eventually(() => !isAlive(pid))
})

test("processes that start at once in an empty directory agree on one server", async () => {
  const dataDir = newDataDir()
  const users = await Promise.all(Array.from({ length: 4 }, () => startUser(dataDir)))
  const startTimes = await Promise.all(
    users.map(({ target }) => query(target, "select pg_postmaster_start_time()::text")),
  )
  expect(new Set(startTimes.flat()).size).toBe(1)
  expect(await Promise.all(users.map((user) => user.finish()))).toEqual([0, 0, 0, 0])
  expect(existsSync(pidFile(dataDir))).toBe(false)
}, 60_000)

test("a server whose owner was killed is adopted by the next user, who stops it in the end", async () => {
  const dataDir = await copySeed()
  const owner = await startUser(dataDir)
  const pid = await serverPid(dataDir)
  await owner.kill("SIGKILL")
  expect(isAlive(pid)).toBe(true)

  const { target, leave } = await enter(dataDir)
  expect(await serverPid(dataDir)).toBe(pid)
  expect(await query(target, notes)).toEqual(["kept"])
  await leave()
  expect(existsSync(pidFile(dataDir))).toBe(false)
})

test("Ctrl-C in the terminal does not reach the server", async () => {
  const dataDir = await copySeed()
  const owner = await startUser(dataDir)
  owner.signalGroup("SIGINT")
  await owner.kill("SIGKILL")
  const { target, leave } = await enter(dataDir)
  expect(await query(target, notes)).toEqual(["kept"])
  await leave()
})

test("a postmaster.pid whose number belongs to another program now does not hinder the start", async () => {
  const dataDir = await copySeed()
  const first = await enter(dataDir)
  const left = await readFile(pidFile(dataDir), "utf8")
  await first.leave()
  const [, ...rest] = left.split("\n")
  const bystander = startChild("lockHolder.ts", join(base, "bystander.lock"), "shared")
  await bystander.firstLine
  const forged = [bystander.pid, ...rest].join("\n")
  await writeFile(pidFile(dataDir), forged)
  await mkdir(join(dataDir, "postgres-socket"))
  await writeFile(join(dataDir, "postgres-socket", ".s.PGSQL.5432.lock"), forged)

  const second = await enter(dataDir)
  expect(await serverPid(dataDir)).not.toBe(bystander.pid)
  expect(await query(second.target, notes)).toEqual(["kept"])
  await second.leave()
  expect(await bystander.finish()).toBe(0)
})

test("a server that was killed is started again, after its backends have let go", async () => {
  const dataDir = await copySeed()
  const first = await enter(dataDir)
  const sql = connectTo({ _tag: "Socket", ...first.target })
  await sql.unsafe("insert into notes values ('committed')")
  process.kill(await serverPid(dataDir), "SIGKILL")
  const second = await enter(dataDir)
  expect(await query(second.target, notes)).toEqual(["kept", "committed"])
  await sql.end({ timeout: 1 })
  await first.leave()
  await second.leave()
  expect(existsSync(pidFile(dataDir))).toBe(false)
}, 30_000)

test("an initdb that was killed in the middle does not hinder the next start", async () => {
  const dataDir = newDataDir()
  const killed = startChild("embeddedUser.ts", dataDir)
  const isHalfDone = () =>
    new Bun.Glob("postgres-initdb-*/PG_VERSION").scanSync(dataDir).next().value !== undefined
  await eventually(() => existsSync(dataDir) && isHalfDone())
  killed.signalGroup("SIGKILL") // initdb too, as a power cut would
  await killed.kill("SIGKILL")
  expect(existsSync(join(dataDir, "postgres"))).toBe(false)

  const { target, leave } = await enter(dataDir)
  expect(await query(target, "select 1")).toEqual([1])
  expect((await readdir(dataDir)).filter((name) => name.startsWith("postgres-initdb-"))).toEqual([])
  await leave()
}, 60_000)

test("a data directory with a long path has its socket elsewhere, and everybody finds it", async () => {
  const dataDir = await copySeed(join(base, "long".repeat(20), "path".repeat(20)))
  const owner = await startUser(dataDir)
  const { socketDirectory } = owner.target
  expect(socketDirectory.length).toBeLessThan(90)
  expect((await stat(socketDirectory)).mode & 0o777).toBe(0o700)
  await owner.kill("SIGKILL")

  const { target, leave } = await enter(dataDir)
  expect(target.socketDirectory).toBe(socketDirectory)
  expect(await query(target, notes)).toEqual(["kept"])
  await leave()
  expect(existsSync(socketDirectory)).toBe(false)
})

test("a path full of spaces, quotes and commas works", async () => {
  const { target, leave } = await enter(await copySeed(join(base, `a "b", 'c' $(d) \`e\``)))
  expect(await query(target, notes)).toEqual(["kept"])
  await leave()
})

test("the keys in our environment stay out of the server's", async () => {
  const environment = "/proc/self/environ"
  if (!existsSync(environment)) return console.log(`skipped: no ${environment} on this system`)
  const { target, leave } = await enter(await copySeed())
  expect(
    await query(target, `select encode(pg_read_binary_file('${environment}'), 'escape') like '%PATH=%'`),
  ).toEqual([false])
  await leave()
})

test("a failed start quotes the end of the server's log and says what to do", async () => {
  const dataDir = await copySeed()
  await writeFile(join(dataDir, "postgres", "postgresql.conf"), "no such setting\n")
  const error = await embeddedDatabase(dataDir).pipe(Effect.scoped, Effect.flip, Effect.runPromise)
  expect(error._tag).toBe("EmbeddedDatabaseError")
  expect(error.message).toContain("postgresql.conf")
  expect(error.message).toContain(join(dataDir, "postgres.log"))
  expect(error.message).toEndWith("set DATABASE_URL")
  expect(error.message).not.toContain("\n")
})

test("a data directory that cannot be made is refused with one line", async () => {
  await writeFile(join(base, "file"), "")
  const error = await embeddedDatabase(join(base, "file", "data")).pipe(
    Effect.scoped,
    Effect.flip,
    Effect.runPromise,
  )
  expect(error._tag).toBe("EmbeddedDatabaseError")
  expect(error.message).toContain("choose a DATA_DIR that this user may write, or set DATABASE_URL")
  expect(error.message).not.toContain("\n")
})

test("as root, a data directory in a place that only root can enter keeps its cluster in /var/lib", async () => {
  if (!isRoot) return console.log("skipped: needs root")
  const closed = join(base, "closed")
  await mkdir(closed, { mode: 0o700 })
  const dataDir = await copySeed(join(closed, "data"))
  await rm(join(dataDir, "postgres"), { recursive: true })
  const first = await enter(dataDir)
  expect(first.target.socketDirectory).toStartWith("/var/lib/tokenmeter/")
  await query(first.target, "create table notes as select 'kept' as text")
  await first.leave()

  // The link leads to it, wherever the data directory is moved to.
  const moved = join(closed, "moved")
  expect(await Bun.spawn(["mv", dataDir, moved]).exited).toBe(0)
  const second = await enter(moved)
  expect(await query(second.target, notes)).toEqual(["kept"])
  await second.leave()
  await rm(dirname(await realpath(join(moved, "postgres"))), { recursive: true })
}, 60_000)

test("as root, a data directory that belongs to a user stays that user's", async () => {
  if (!isRoot) return console.log("skipped: needs root")
  const daemon = 1
  const dataDir = newDataDir()
  await mkdir(dataDir, { mode: 0o700 })
  expect(await Bun.spawn(["chown", `${daemon}:${daemon}`, dataDir]).exited).toBe(0)
  const { leave } = await enter(dataDir)
  for (const name of ["postgres", "postgres-users.lock", "postgres-socket"]) {
    expect((await stat(join(dataDir, name))).uid).toBe(daemon)
  }
  await leave()
}, 30_000)
