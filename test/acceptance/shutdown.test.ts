/** The program when it is told to stop: by a signal, by two, with streams under way, without a database. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { connect, soon } from "../support/connection.ts"
import { type DatabaseDoor, startDatabaseDoor } from "../support/databaseDoor.ts"
import { chunk, head, LAST_CHUNK } from "../support/message.ts"
import { QUICK, type Serving, START_WITHIN, startProgram, startServing } from "../support/program.ts"
import { send } from "../support/rawClient.ts"
import { STREAM } from "../support/rawGateway.ts"
import { type RawServing, startRawServing } from "../support/rawServing.ts"

setDefaultTimeout(START_WITHIN)

let door: DatabaseDoor
beforeAll(async () => {
  door = await startDatabaseDoor()
})
afterAll(() => door?.stop())

const exitOf = (program: Serving, millis = 8_000): Promise<number> => soon("its exit", program.exited, millis)

/** Until nobody listens there any more. */
const untilRefused = async (url: string): Promise<void> => {
  const poll = async () => {
    for (;;) {
      const connection = await connect(url).catch(() => undefined)
      if (connection === undefined) return
      connection.reset()
      await Bun.sleep(5)
    }
  }
  await soon("connections to be refused", poll())
}

const eventOf = (total: number): Uint8Array =>
  chunk(`data: {"usageMetadata":{"promptTokenCount":7,"totalTokenCount":${total}}}\r\n\r\n`)

/** A stream of which the client has had the first event, and the upstream holds the rest. */
const beginStream = async (serving: RawServing) => {
  const { call, arrival } = await serving.exchange({ target: STREAM })
  await arrival.beginChunked("200 OK", [["Content-Type", "text/event-stream"]])
  await arrival.connection.write(eventOf(8))
  const answer = await call.answer()
  await answer.nextChunk()
  return { call, arrival, answer }
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "a stop by %s without calls exits at once with 0",
  async (signal) => {
    await using program = await startServing({ ...QUICK, DATABASE_URL: door.url })
    const idle = await send(program.url, head("GET /health/live HTTP/1.1", [["Host", "localhost"]]))
    await (await idle.answer()).body()
    program.signal(signal)
    expect(await exitOf(program, 2_000)).toBe(0)
    expect(await soon("the end of an idle connection", idle.connection.closed)).toBe("ended")
    expect(program.stderr()).toBe("")
  },
)

/** In milliseconds: signals that follow each other so closely are one. */
const SAME_SIGNAL = 100

test("a stop lets a stream finish, records it, takes nothing new, and exits with 0", async () => {
  await using serving = await startRawServing(QUICK)
  const { arrival, answer } = await beginStream(serving)
  serving.program.signal("SIGTERM")
  await untilRefused(serving.program.url)
  await arrival.connection.write(eventOf(9))
  expect(String(await answer.nextChunk())).toContain('"totalTokenCount":9')
  await arrival.connection.write(LAST_CHUNK)
  expect(await answer.nextChunk()).toBeUndefined()
  expect(await exitOf(serving.program)).toBe(0)
  expect(await serving.rows(1)).toEqual([expect.objectContaining({ outcome: "complete", total_tokens: 9 })])
  expect(serving.program.stderr()).toBe("")
})

test("a stop by a second signal exits at once, and not with 0", async () => {
  await using serving = await startRawServing(QUICK)
  await beginStream(serving)
  serving.program.signal("SIGTERM")
  await untilRefused(serving.program.url)
  await Bun.sleep(SAME_SIGNAL + 100)
  serving.program.signal("SIGTERM")
  expect(await exitOf(serving.program, 1_000)).toBe(130)
})

test("a stop by one Ctrl-C that arrives twice, as under `bun run`, lets a stream finish", async () => {
  await using serving = await startRawServing(QUICK)
  const { arrival, answer } = await beginStream(serving)
  serving.program.signal("SIGINT")
  serving.program.signal("SIGINT")
  await untilRefused(serving.program.url)
  await arrival.connection.write(LAST_CHUNK)
  await answer.body()
  expect(await exitOf(serving.program)).toBe(0)
  expect(await serving.rows(1)).toHaveLength(1)
})

test("a stop cuts a stream when SHUTDOWN_GRACE is over, and records what it had", async () => {
  await using serving = await startRawServing({ ...QUICK, SHUTDOWN_GRACE: "200 millis" })
  const { call, arrival, answer } = await beginStream(serving)
  serving.program.signal("SIGTERM")
  await expect(answer.body()).rejects.toThrow()
  await soon("the end of the client's connection", call.connection.closed)
  expect(await soon("the end of the upstream's connection", arrival.connection.closed)).toBeDefined()
  expect(await exitOf(serving.program)).toBe(0)
  const [row, ...others] = await serving.rows(1)
  expect(others).toEqual([])
  expect(row).toMatchObject({ status: 200, prompt_tokens: 7, total_tokens: 8, usage_final: false })
  expect(row?.outcome).not.toBe("complete")
  expect(serving.program.stderr()).toContain("SHUTDOWN_GRACE is over")
})

test("a stop while it waits for the database exits at once with 0", async () => {
  const away = await startDatabaseDoor()
  await away.shut()
  await using program = startProgram([], {
    ...QUICK,
    GEMINI_API_KEY: "k",
    PORT: "0",
    DATABASE_URL: away.url,
  })
  const hasTried = async () => {
    while (program.stderr() === "") await Bun.sleep(5)
  }
  await soon("word of the database", hasTried())
  program.signal("SIGTERM")
  expect(await soon("its exit", program.exited, 2_000)).toBe(0)
  expect(program.stdout()).toBe("")
  await away.stop()
})
