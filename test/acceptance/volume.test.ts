/** Much at once: bodies of 50 MB in flat memory, and hundreds of streams, through the program itself. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { chunk, LAST_CHUNK } from "../support/message.ts"
import { START_WITHIN } from "../support/program.ts"
import { DOWNLOAD, GENERATE, STREAM } from "../support/rawGateway.ts"
import { type RawServing, startRawServing } from "../support/rawServing.ts"

setDefaultTimeout(START_WITHIN)

const MB = 1024 * 1024
const UPLOAD = "/upload/v1beta/files"

describe("a body of 50 MB", () => {
  const SIZE = 50 * MB
  /** What buffers on the way, garbage that was not collected yet and the heap's own growth may take. */
  const GROWTH = 32 * MB
  const PART = Buffer.alloc(256 * 1024, "0123456789abcdef")

  let serving: RawServing
  beforeAll(async () => {
    serving = await startRawServing()
  })
  afterAll(() => serving?.[Symbol.asyncDispose]())

  /** Resident memory of the server, in bytes. */
  const resident = async (): Promise<number> => {
    const ps = Bun.spawn(["ps", "-o", "rss=", "-p", String(serving.program.pid)])
    return Number(await new Response(ps.stdout).text()) * 1024
  }

  /** Runs `transfer`, and returns by how much the server's memory grew meanwhile, at its highest. */
  const growthDuring = async (transfer: () => Promise<void>): Promise<number> => {
    const before = await resident()
    let highest = before
    let isOver = false
    const watch = async () => {
      while (!isOver) {
        highest = Math.max(highest, await resident())
        await Bun.sleep(25)
      }
    }
    const watching = watch()
    await transfer()
    isOver = true
    await watching
    return highest - before
  }

  const download = async (target: string): Promise<void> => {
    const { call, arrival } = await serving.exchange({ target })
    await arrival.body()
    await arrival.connection.write(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n`)
    const writing = (async () => {
      for (let sent = 0; sent < SIZE; sent += PART.length) await arrival.connection.write(PART)
    })()
    const answer = await call.answer()
    const hash = new Bun.CryptoHasher("sha256")
    let received = 0
    for (let part = await answer.nextChunk(); part !== undefined; part = await answer.nextChunk()) {
      hash.update(part)
      received += part.length
    }
    await writing
    expect(received).toBe(SIZE)
    expect(hash.digest("hex")).toBe(expected)
    call.connection.end()
  }

  const upload = async (): Promise<void> => {
    const call = await serving.send({ target: UPLOAD, fields: [["Content-Length", String(SIZE)]], body: "" })
    const writing = (async () => {
      for (let sent = 0; sent < SIZE; sent += PART.length) await call.connection.write(PART)
    })()
    const arrival = await serving.upstream.next()
    const hash = new Bun.CryptoHasher("sha256")
    for (let part = await arrival.nextChunk(); part !== undefined; part = await arrival.nextChunk())
      hash.update(part)
    await writing
    expect(hash.digest("hex")).toBe(expected)
    await arrival.answer("200 OK", [])
    await (await call.answer()).body()
    call.connection.end()
  }

  const whole = new Bun.CryptoHasher("sha256")
  for (let size = 0; size < SIZE; size += PART.length) whole.update(PART)
  const expected = whole.digest("hex")

  test.each<[string, () => Promise<void>]>([
    ["downloaded", () => download(DOWNLOAD)],
    ["generated", () => download(GENERATE)],
    ["uploaded", upload],
  ])("passes in flat memory (%s)", async (_, transfer) => {
    // The first one brings the heap to its working size.
    await transfer()
    expect(await growthDuring(transfer)).toBeLessThan(GROWTH)
  })
})

describe("many streams at once", () => {
  /** More than the 256 that Bun's fetch would allow by itself. */
  const STREAMS = 300

  test("all flow: none waits for the end of another", async () => {
    await using serving = await startRawServing()
    const exchanges = []
    for (let index = 0; index < STREAMS; index++) {
      const exchange = await serving.exchange({ target: STREAM })
      await exchange.arrival.beginChunked("200 OK", [["Content-Type", "text/event-stream"]])
      await exchange.arrival.connection.write(
        chunk(`data: {"usageMetadata":{"totalTokenCount":${index}}}\r\n\r\n`),
      )
      const answer = await exchange.call.answer()
      await answer.nextChunk()
      exchanges.push({ ...exchange, answer })
    }
    for (const { arrival, answer } of exchanges) {
      await arrival.connection.write(LAST_CHUNK)
      expect(await answer.nextChunk()).toBeUndefined()
    }
    const rows = await serving.rows(STREAMS)
    expect(rows.map(({ outcome, total_tokens }) => `${outcome} ${total_tokens}`)).toEqual(
      Array.from({ length: STREAMS }, (_, index) => `complete ${index}`),
    )
  })
})
