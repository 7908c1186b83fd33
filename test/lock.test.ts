/** The file lock, between real processes. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { Effect, Option } from "effect"
import { holdLock, type LockMode } from "../src/lock.ts"
import { startChild } from "./support/child.ts"

let directory = ""
let files = 0
const newFile = (): string => join(directory, `${files++}.lock`)

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tokenmeter-lock-"))
})
afterAll(() => rm(directory, { recursive: true }))

/** Tries the lock, holding it only for a moment. */
const attempt = (file: string, mode: LockMode, patience = 0): Promise<"held" | "unusable" | "acquired"> =>
  holdLock(file, mode, patience).pipe(
    Effect.scoped,
    Effect.match({ onSuccess: () => "acquired" as const, onFailure: (error) => error.reason }),
    Effect.runPromise,
  )

const startHolder = async (file: string, mode: LockMode) => {
  const holder = startChild("lockHolder.ts", file, mode)
  await holder.firstLine
  return holder
}

test("an exclusive lock keeps every other process out until it is released", async () => {
  const file = newFile()
  const holder = await startHolder(file, "exclusive")
  expect(await attempt(file, "shared")).toBe("held")
  expect(await attempt(file, "exclusive")).toBe("held")
  await holder.finish()
  expect(await attempt(file, "exclusive")).toBe("acquired")
})

test("shares are held side by side and keep an exclusive lock out until the last one is released", async () => {
  const file = newFile()
  const holders = [await startHolder(file, "shared"), await startHolder(file, "shared")]
  expect(await attempt(file, "shared")).toBe("acquired")
  for (const holder of holders) {
    expect(await attempt(file, "exclusive")).toBe("held")
    await holder.finish()
  }
  expect(await attempt(file, "exclusive")).toBe("acquired")
})

test("kill -9 of the holder releases the lock and leaves nothing to clean up", async () => {
  const file = newFile()
  for (const mode of ["exclusive", "shared"] as const) {
    const holder = await startHolder(file, mode)
    await holder.kill("SIGKILL")
    expect(await attempt(file, "exclusive")).toBe("acquired")
  }
  const leftovers = (await readdir(directory)).filter((name) => name.startsWith(`${basename(file)}-`))
  expect(leftovers).toEqual([])
  expect(Bun.file(file).size).toBe(0)
})

test("two holders in one process exclude each other like two processes", async () => {
  const file = newFile()
  await Effect.gen(function* () {
    yield* holdLock(file, "shared", 0)
    yield* holdLock(file, "shared", 0)
    expect(yield* Effect.promise(() => attempt(file, "exclusive"))).toBe("held")
  }).pipe(Effect.scoped, Effect.runPromise)
  expect(await attempt(file, "exclusive")).toBe("acquired")
})

test("a patient process gets the lock as soon as the holder lets go", async () => {
  const file = newFile()
  const holder = await startHolder(file, "exclusive")
  const waiting = attempt(file, "exclusive", 10_000)
  await holder.finish()
  expect(await waiting).toBe("acquired")
})

test("patience ends", async () => {
  const file = newFile()
  const holder = await startHolder(file, "exclusive")
  const start = performance.now()
  expect(await attempt(file, "exclusive", 200)).toBe("held")
  expect(performance.now() - start).toBeGreaterThan(150)
  await holder.finish()
})

test("a wait can be interrupted", async () => {
  const file = newFile()
  const holder = await startHolder(file, "exclusive")
  const outcome = await holdLock(file, "exclusive", "1 hour").pipe(
    Effect.scoped,
    Effect.timeoutOption("50 millis"),
    Effect.runPromise,
  )
  expect(Option.isNone(outcome)).toBe(true)
  await holder.finish()
})

test("a lock that cannot be used says so and names the file", async () => {
  const file = join(directory, "missing", "x.lock")
  const error = await holdLock(file, "shared", 0).pipe(Effect.scoped, Effect.flip, Effect.runPromise)
  expect(error.reason).toBe("unusable")
  expect(error.message).toStartWith(`${file} cannot be locked: `)
})
