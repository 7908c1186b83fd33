/** What tests of the embedded PostgreSQL share: data directories, users in this process and in others, and queries. */
import { expect } from "bun:test"
import { chmod, mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { embeddedDatabase } from "../../src/db/embedded.ts"
import type { SocketTarget } from "../../src/db/target.ts"
import { atEndOfRun } from "../preload.ts"
import { startChild } from "./child.ts"
import { connectTo } from "./postgres.ts"

/** Holds everything that these tests write. Open enough for the user that PostgreSQL runs as when we are root. */
export const playground = async (): Promise<string> => {
  directory ??= makePlayground()
  return directory
}

const makePlayground = async (): Promise<string> => {
  const made = await realpath(await mkdtemp(join(tmpdir(), "tokenmeter-embedded-")))
  await chmod(made, 0o711)
  atEndOfRun(() => rm(made, { recursive: true }))
  return made
}

let directory: Promise<string> | undefined
let dataDirs = 0

export const newDataDir = async (): Promise<string> => join(await playground(), `data-${dataDirs++}`)

/** A data directory with the table `notes` in it and no server, which is quicker than an initdb for each test. */
export const usedDataDir = async (path?: string): Promise<string> => {
  seed ??= makeSeed()
  const dataDir = path ?? (await newDataDir())
  await mkdir(dirname(dataDir), { recursive: true })
  expect(await Bun.spawn(["cp", "-Rp", await seed, dataDir]).exited).toBe(0)
  return dataDir
}

export const notes = "select text from notes"

const makeSeed = async (): Promise<string> => {
  const dataDir = await newDataDir()
  const { target, leave } = await enter(dataDir)
  await query(target, "create table notes as select 'kept' as text")
  await leave()
  return dataDir
}

let seed: Promise<string> | undefined

/** Uses the database from this process. */
export const enter = async (dataDir: string) => {
  const scope = Scope.makeUnsafe()
  const database = embeddedDatabase(dataDir, { fsync: "off" }).pipe(Scope.provide(scope))
  const target = await Effect.runPromise(database)
  return { target, leave: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

/** Uses the database from another process. */
export const startUser = async (dataDir: string) => {
  const child = startChild("embeddedUser.ts", dataDir)
  const target: SocketTarget = JSON.parse(await child.firstLine)
  return { ...child, target }
}

/** The values of all rows, one after the other. */
export const query = async (target: SocketTarget, text: string): Promise<ReadonlyArray<unknown>> => {
  const sql = connectTo({ _tag: "Socket", ...target })
  try {
    return (await sql.unsafe(text).values()).flat()
  } finally {
    await sql.end()
  }
}

export const pidFile = (dataDir: string): string => join(dataDir, "postgres", "postmaster.pid")

export const serverPid = async (dataDir: string): Promise<number> =>
  Number((await readFile(pidFile(dataDir), "utf8")).split("\n")[0])

export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Bounded by the timeout of the test. */
export const eventually = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await Bun.sleep(5)
}
