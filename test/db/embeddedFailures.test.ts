/** The embedded PostgreSQL after kills and leftovers, and in bad surroundings: it copes, or says what is wrong. */
import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync } from "node:fs"
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { embeddedDatabase } from "../../src/db/embedded.ts"
import { startChild } from "../support/child.ts"
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
import { connectTo } from "../support/postgres.ts"

/** A start takes some 50 ms and an initdb some 600; a busy machine may need ten times that. */
setDefaultTimeout(60_000)

test("a server whose owner was killed is adopted by the next user, who stops it in the end", async () => {
  const dataDir = await usedDataDir()
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
  const dataDir = await usedDataDir()
  const owner = await startUser(dataDir)
  const pid = await serverPid(dataDir)
  owner.signalGroup("SIGINT")
  await owner.kill("SIGKILL")
  const { target, leave } = await enter(dataDir)
  expect(await query(target, notes)).toEqual(["kept"])
  expect(await serverPid(dataDir)).toBe(pid)
  await leave()
})

test("a postmaster.pid whose number belongs to another program now does not hinder the start", async () => {
  const dataDir = await usedDataDir()
  const first = await enter(dataDir)
  const left = await readFile(pidFile(dataDir), "utf8")
  await first.leave()
  const [, ...rest] = left.split("\n")
  const bystander = startChild("lockHolder.ts", join(await playground(), "bystander.lock"), "shared")
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
  const dataDir = await usedDataDir()
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
})

test("an initdb that was killed in the middle does not hinder the next start", async () => {
  const dataDir = await newDataDir()
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
})

test("a failed start quotes the end of the server's log and says what to do", async () => {
  const dataDir = await usedDataDir()
  await writeFile(join(dataDir, "postgres", "postgresql.conf"), "no such setting\n")
  const error = await embeddedDatabase(dataDir).pipe(Effect.scoped, Effect.flip, Effect.runPromise)
  expect(error._tag).toBe("EmbeddedDatabaseError")
  expect(error.message).toContain("postgresql.conf")
  expect(error.message).toContain(join(dataDir, "postgres.log"))
  expect(error.message).toEndWith("set DATABASE_URL")
  expect(error.message).not.toContain("\n")
})

test("a data directory that cannot be made is refused with one line", async () => {
  await writeFile(join(await playground(), "file"), "")
  const error = await embeddedDatabase(join(await playground(), "file", "data")).pipe(
    Effect.scoped,
    Effect.flip,
    Effect.runPromise,
  )
  expect(error._tag).toBe("EmbeddedDatabaseError")
  expect(error.message).toContain("choose a DATA_DIR that this user may write, or set DATABASE_URL")
  expect(error.message).not.toContain("\n")
})
