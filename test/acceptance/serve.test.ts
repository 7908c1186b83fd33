/** The program as it is run: start-up line, settings, exit codes, many at once, keys beside a running server. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { soon } from "../support/connection.ts"
import { DATABASE_PASSWORD, type DatabaseDoor, startDatabaseDoor } from "../support/databaseDoor.ts"
import { newDataDir } from "../support/embedded.ts"
import { QUICK, runProgram, START_WITHIN, startServing } from "../support/program.ts"
import { makeSender, UPSTREAM_KEY } from "../support/rawGateway.ts"
import { startRawUpstream } from "../support/rawUpstream.ts"

/** A test that takes too long has Bun kill the database of all tests: whatever is awaited here ends earlier. */
setDefaultTimeout(2 * START_WITHIN)

let door: DatabaseDoor
beforeAll(async () => {
  door = await startDatabaseDoor()
})
afterAll(() => door?.stop())

describe("a start", () => {
  test("says in one line where it listens, where it stores and where the docs are, without a password", async () => {
    await using program = await startServing({ DATABASE_URL: door.url })
    const { host, pathname } = new URL(door.url)
    expect(program.stdout()).toMatch(/^tokenmeter \d+\.\d+\.\d+ on .*\n$/)
    expect(program.stdout()).toContain(` on ${program.url} `)
    expect(program.stdout()).toContain(` PostgreSQL at ${host}${pathname} `)
    expect(program.stdout()).toEndWith(` docs ${program.url}/docs\n`)
    expect(program.stdout() + program.stderr()).not.toContain(DATABASE_PASSWORD)
    expect(Number(new URL(program.url).port)).toBeGreaterThan(0)
    expect((await fetch(`${program.url}/health/ready`)).status).toBe(200)
    expect((await fetch(`${program.url}/docs`)).status).toBe(200)
    expect(program.stderr()).toBe("")
  })

  test.concurrent.each<[string, Record<string, string>, string]>([
    ["no upstream key", { GEMINI_API_KEY: "" }, "GEMINI_API_KEY"],
    ["a port that is none", { PORT: "http" }, "PORT"],
    ["a port out of range", { PORT: "70000" }, "PORT"],
    ["an upstream with a path", { UPSTREAM_URL: "https://h.example/v1beta" }, "UPSTREAM_URL"],
    ["an upstream with credentials", { UPSTREAM_URL: "https://u:s3cret@h.example" }, "UPSTREAM_URL"],
    ["another kind of database", { DATABASE_URL: "mysql://u:s3cret@h.example/d" }, "DATABASE_URL"],
    ["a queue of nothing", { QUEUE_CAPACITY: "0" }, "QUEUE_CAPACITY"],
    ["a batch of words", { BATCH_SIZE: "many" }, "BATCH_SIZE"],
    ["a window that is no duration", { BATCH_WINDOW: "soon" }, "BATCH_WINDOW"],
    ["a grace that is no duration", { SHUTDOWN_GRACE: "never" }, "SHUTDOWN_GRACE"],
    ["an unknown log level", { LOG_LEVEL: "loud" }, "LOG_LEVEL"],
  ])("with %s stops with one line that names the setting", async (_, setting, name) => {
    const environment = { ...QUICK, GEMINI_API_KEY: "k", DATABASE_URL: door.url, PORT: "0", ...setting }
    const { code, stdout, stderr } = await runProgram([], environment)
    expect(stderr).toMatch(/^tokenmeter: [^\n]+\n$/)
    expect(stderr).toContain(`${name}: `)
    expect(stderr).not.toContain("s3cret")
    expect(stdout).toBe("")
    expect(code).toBe(1)
  })

  test("on a port that is taken stops with one line that names it", async () => {
    const taken = startRawUpstream()
    const { port } = new URL(taken.url)
    const environment = { ...QUICK, GEMINI_API_KEY: "k", DATABASE_URL: door.url, PORT: port }
    const { code, stderr } = await runProgram([], environment)
    taken.stop()
    expect(stderr).toMatch(/^tokenmeter: [^\n]+\n$/)
    expect(stderr).toContain(`127.0.0.1:${port}`)
    expect(code).toBe(1)
  })

  test.concurrent.each([
    ["an unknown command", ["frobnicate"], 2],
    ["an unknown flag", ["serve", "--frobnicate"], 2],
    ["a command without its argument", ["keys", "create"], 2],
    ["--help", ["--help"], 0],
    ["--help of a command", ["keys", "revoke", "--help"], 0],
    ["--version", ["--version"], 0],
  ] as const)("with %s exits as it should", async (_, args, expected) => {
    const { code, stdout, stderr } = await runProgram(args, QUICK)
    expect(code).toBe(expected)
    expect(expected === 0 ? stdout : stderr).not.toBe("")
  })

  test("of three at once on a fresh database migrates it once, and all serve", async () => {
    const fresh = await startDatabaseDoor({ migrated: false })
    const starts = [1, 2, 3].map(() => startServing({ ...QUICK, DATABASE_URL: fresh.url }))
    const programs = await Promise.all(starts)
    for (const { url } of programs) expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    const migrations = await fresh.sql`select name from schema_migrations`
    expect(new Set(migrations.map(({ name }) => name)).size).toBe(migrations.length)
    expect(migrations.length).toBeGreaterThan(0)
    for (const program of programs) await program[Symbol.asyncDispose]()
    await fresh.stop()
  })

  test("of `migrate` succeeds while another makes the same partitions", async () => {
    const fresh = await startDatabaseDoor()
    const isWaiting = async () => {
      const waiting = await fresh.sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      return waiting.length > 0
    }
    const finished = await fresh.sql.begin(async (transaction) => {
      await transaction`select make_request_log_partitions((now() at time zone 'UTC')::date - 1, 9)`
      const migrating = runProgram(["migrate"], { ...QUICK, DATABASE_URL: fresh.url })
      while (!(await isWaiting())) await Bun.sleep(10)
      return { migrating }
    })
    const { code, stderr } = await finished.migrating
    await fresh.stop()
    expect(stderr).toBe("")
    expect(code).toBe(0)
  })
})

describe("keys, while a server runs on the embedded database", () => {
  test("are made, pass, are listed, are revoked, and pass no more", async () => {
    const upstream = startRawUpstream()
    const storage = { ...QUICK, DATA_DIR: await newDataDir() }
    await using program = await startServing({
      ...storage,
      GEMINI_API_KEY: UPSTREAM_KEY,
      UPSTREAM_URL: upstream.url,
    })
    expect(program.stdout()).toContain("embedded PostgreSQL")

    const made = await runProgram(["keys", "create", "Ada's laptop"], storage)
    expect(made.code).toBe(0)
    expect(made.stdout).toMatch(/^tm_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}\n$/)
    expect(made.stderr).toContain("Ada's laptop")
    const key = made.stdout.trim()
    const id = key.split("_")[1] ?? ""

    const generate = makeSender(program.url, key)
    const call = await generate()
    await (await upstream.next()).answer("200 OK", [["Content-Type", "application/json"]], "{}")
    expect((await call.answer()).startLine).toBe("HTTP/1.1 200 OK")

    const listed = await runProgram(["keys", "list"], storage)
    expect(listed.code).toBe(0)
    expect(listed.stdout).toContain(id)
    expect(listed.stdout).toContain("Ada's laptop")
    expect(listed.stdout + listed.stderr).not.toContain(key)

    const revoked = await runProgram(["keys", "revoke", id], storage)
    expect(revoked.code).toBe(0)
    expect(revoked.stdout).toBe("")
    const refused = async () => {
      for (;;) {
        const later = await generate()
        const status = later.answer().then(({ startLine }) => startLine)
        const first = await Promise.race([status, upstream.next().catch(() => undefined)])
        if (typeof first === "string") return first
        await first?.answer("200 OK", [])
        await status
        await Bun.sleep(50)
      }
    }
    expect(await soon("the key to be refused", refused(), 5_500)).toBe("HTTP/1.1 401 Unauthorized")

    const unknown = await runProgram(["keys", "revoke", "00000000"], storage)
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toMatch(/^tokenmeter: [^\n]+\n$/)

    program.signal("SIGTERM")
    expect(await soon("its exit", program.exited, 10_000)).toBe(0)
    expect(program.stderr()).toBe("")
    upstream.stop()
  })
})
