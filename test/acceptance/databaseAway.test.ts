/** A database that is away, at the start and later: calls that can be answered are, and nothing is lost. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { soon } from "../support/connection.ts"
import { DATABASE_PASSWORD, type DatabaseDoor, startDatabaseDoor } from "../support/databaseDoor.ts"
import { START_WITHIN, startServing } from "../support/program.ts"
import { makeSender, UPSTREAM_KEY } from "../support/rawGateway.ts"
import { makeKey, readRows } from "../support/rawServing.ts"
import { startRawUpstream } from "../support/rawUpstream.ts"
import { refusalOf, strangersKey } from "../support/refusal.ts"

setDefaultTimeout(2 * START_WITHIN)

let door: DatabaseDoor
beforeAll(async () => {
  door = await startDatabaseDoor({ migrated: false })
})
afterAll(() => door?.stop())

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status

const eventually = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
  const poll = async () => {
    while (!(await condition())) await Bun.sleep(20)
  }
  await soon(what, poll(), 15_000)
}

test("a database that is away does not keep the server from starting, and is used once it is there", async () => {
  await door.shut()
  const upstream = startRawUpstream()
  await using program = await startServing({
    DATABASE_URL: door.url,
    GEMINI_API_KEY: UPSTREAM_KEY,
    UPSTREAM_URL: upstream.url,
    BATCH_WINDOW: "5 millis",
  })
  expect(program.stdout()).toMatch(/^tokenmeter .*not reachable yet.*\n$/)
  expect(await statusOf(`${program.url}/health/live`)).toBe(200)
  expect(await statusOf(`${program.url}/health/ready`)).toBe(503)
  const unavailable = await refusalOf(await makeSender(program.url, strangersKey)(), [strangersKey])
  expect(unavailable).toBe("503 UNAVAILABLE API_KEYS_UNAVAILABLE")
  const malformed = await refusalOf(await makeSender(program.url, "AIza")(), ["AIza"])
  expect(malformed).toBe("401 UNAUTHENTICATED API_KEY_INVALID")

  await door.open()
  await eventually("readiness", async () => (await statusOf(`${program.url}/health/ready`)) === 200)
  const sendAs = makeSender(program.url, await makeKey(door, "test"))
  const generate = async () => {
    const call = await sendAs()
    await (await upstream.next()).answer("200 OK", [["Content-Type", "application/json"]], "{}")
    expect((await call.answer()).startLine).toBe("HTTP/1.1 200 OK")
    call.connection.end()
  }
  await generate()
  expect(await readRows(door, 1)).toHaveLength(1)

  await door.shut()
  await generate()
  await generate()
  await eventually("unreadiness", async () => (await statusOf(`${program.url}/health/ready`)) === 503)
  await door.open()
  expect(await readRows(door, 3)).toHaveLength(3)

  const logged = program.stderr()
  for (const line of logged.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("message")
  for (const secret of [UPSTREAM_KEY, DATABASE_PASSWORD, "AIza", strangersKey])
    expect(logged).not.toContain(secret)
  upstream.stop()
})
