/** The embedded PostgreSQL in ordinary use, by one process and by many. */
import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync } from "node:fs"
import { mkdir, realpath, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import {
  enter,
  eventually,
  isAlive,
  newDataDir,
  notes,
  pidFile,
  playground,
  query,
  serverPid,
  startUser,
  usedDataDir,
} from "../support/embedded.ts"

/** A start takes some 50 ms and an initdb some 600; a busy machine may need ten times that. */
setDefaultTimeout(60_000)

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log("skipping what only root can try: this is an ordinary user")
const testAsRoot = test.skipIf(!isRoot)

const environment = "/proc/self/environ"
if (!existsSync(environment)) console.log(`skipping a look at the server's environment: no ${environment}`)

test("the first start makes a private cluster that listens on a unix socket only", async () => {
  const dataDir = await newDataDir()
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
})

test("what was written is there at the next start", async () => {
  const { target, leave } = await enter(await usedDataDir())
  expect(await query(target, notes)).toEqual(["kept"])
  await leave()
})

test("a second user shares the server, and the last one to leave stops it", async () => {
  const dataDir = await usedDataDir()
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
  const dataDir = await newDataDir()
  const users = await Promise.all(Array.from({ length: 4 }, () => startUser(dataDir)))
  const startTimes = await Promise.all(
    users.map(({ target }) => query(target, "select pg_postmaster_start_time()::text")),
  )
  expect(new Set(startTimes.flat()).size).toBe(1)
  expect(await Promise.all(users.map((user) => user.finish()))).toEqual([0, 0, 0, 0])
  expect(existsSync(pidFile(dataDir))).toBe(false)
})

test("a data directory with a long path has its socket elsewhere, and everybody finds it", async () => {
  const dataDir = await usedDataDir(join(await playground(), "long".repeat(20), "path".repeat(20)))
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
  const { target, leave } = await enter(await usedDataDir(join(await playground(), `a "b", 'c' $(d) \`e\``)))
  expect(await query(target, notes)).toEqual(["kept"])
  await leave()
})

test.skipIf(!existsSync(environment))("the keys in our environment stay out of the server's", async () => {
  const { target, leave } = await enter(await usedDataDir())
  expect(
    await query(target, `select encode(pg_read_binary_file('${environment}'), 'escape') like '%PATH=%'`),
  ).toEqual([false])
  await leave()
})

testAsRoot(
  "as root, a data directory in a place that only root can enter keeps its cluster in /var/lib",
  async () => {
    const closed = join(await playground(), "closed")
    await mkdir(closed, { mode: 0o700 })
    const dataDir = await usedDataDir(join(closed, "data"))
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
  },
)

testAsRoot("as root, a data directory that belongs to a user stays that user's", async () => {
  const daemon = 1
  const dataDir = await newDataDir()
  await mkdir(dataDir, { mode: 0o700 })
  expect(await Bun.spawn(["chown", `${daemon}:${daemon}`, dataDir]).exited).toBe(0)
  const { leave } = await enter(dataDir)
  for (const name of ["postgres", "postgres-users.lock", "postgres-socket"]) {
    expect((await stat(join(dataDir, name))).uid).toBe(daemon)
  }
  await leave()
})
