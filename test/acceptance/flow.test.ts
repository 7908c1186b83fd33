/** Bodies flow no faster than the slower side, and no longer than both sides stay. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { once } from "node:events"
import { constants, createGzip } from "node:zlib"
import { soon } from "../support/connection.ts"
import { chunk, type Fields } from "../support/message.ts"
import { START_WITHIN } from "../support/program.ts"
import { DOWNLOAD, type RawGateway, STREAM, startRawGateway } from "../support/rawGateway.ts"

setDefaultTimeout(START_WITHIN)

const MB = 1024 * 1024
const UPLOAD = "/upload/v1beta/files"
const ARRAY_STREAM = STREAM.slice(0, STREAM.indexOf("?"))

const usageEvent = (prompt: number, total: number): string =>
  `data: {"usageMetadata":{"promptTokenCount":${prompt},"totalTokenCount":${total}}}\r\n\r\n`

let gateway: RawGateway
beforeAll(async () => {
  gateway = await startRawGateway()
})
afterAll(() => gateway?.stop())

/** Without backpressure everything would be taken; with it, what the buffers on the way hold. */
const OFFERED = 64 * MB
const HELD = 32 * MB
const PART = Buffer.alloc(MB)
/** A write that takes longer than this is being held back. */
const STALL = 300

/** Writes until the other side takes no more; returns how much it took, and the write that is stuck. */
const writeUntilHeld = async (write: (bytes: Uint8Array) => Promise<void>) => {
  for (let taken = 0; taken < OFFERED; taken += PART.length) {
    const writing = write(PART)
    const isHeld = await soon("room", writing, STALL).then(
      () => false,
      () => true,
    )
    if (isHeld) return { taken, writing }
  }
  return { taken: OFFERED, writing: Promise.resolve() }
}

const begin = async (target: string) => {
  const exchange = await gateway.exchange({ target })
  await exchange.arrival.beginChunked("200 OK", [["Content-Type", "text/event-stream"]])
  return exchange
}

test.each([STREAM, DOWNLOAD])("a client that does not read holds the upstream back (%s)", async (target) => {
  const { call, arrival } = await begin(target)
  const { taken, writing } = await writeUntilHeld((part) => arrival.connection.write(chunk(part)))
  expect(taken).toBeLessThan(HELD)
  const answer = await call.answer()
  let received = 0
  while (received < taken + PART.length) received += (await answer.nextChunk())?.length ?? 0
  await writing
  call.connection.reset()
})

test("an upstream that does not read holds the client back", async () => {
  const call = await gateway.send({ target: UPLOAD, fields: [["Transfer-Encoding", "chunked"]], body: "" })
  await call.connection.write(chunk("the first part"))
  const arrival = await gateway.upstream.next()
  const { taken, writing } = await writeUntilHeld((part) => call.connection.write(chunk(part)))
  expect(taken).toBeLessThan(HELD)
  let received = 0
  while (received < taken + PART.length) received += (await arrival.nextChunk())?.length ?? 0
  await writing
  call.connection.reset()
})

/** Takes the row of the exchange in `act`. */
const rowOf = async (act: () => Promise<void>) => {
  const before = (await gateway.rows()).length
  await act()
  const rows = await gateway.rows(before + 1)
  expect(rows.length).toBe(before + 1)
  return rows.at(-1)
}

test.each(["end", "reset"] as const)(
  "a client that hangs up in mid-stream closes the upstream's connection and leaves the last counts (%s)",
  async (how) => {
    const row = await rowOf(async () => {
      const { call, arrival } = await begin(STREAM)
      await arrival.connection.write(chunk(usageEvent(7, 7)))
      const answer = await call.answer()
      await answer.nextChunk()
      await arrival.connection.write(chunk(usageEvent(7, 9)))
      await answer.nextChunk()
      call.connection[how]()
      await soon("the end of the upstream's connection", arrival.connection.closed, 1_000)
    })
    expect(row).toMatchObject({
      status: 200,
      outcome: "client_aborted",
      prompt_tokens: 7,
      total_tokens: 9,
      usage_final: false,
    })
  },
)

test("a client that hangs up in a compressed stream leaves the counts that were decoded", async () => {
  const row = await rowOf(async () => {
    const fields: Fields = [["Accept-Encoding", "gzip"]]
    const { call, arrival } = await gateway.exchange({ target: ARRAY_STREAM, fields })
    await arrival.beginChunked("200 OK", [["Content-Encoding", "gzip"]])
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH })
    gzip.write(`[{"usageMetadata":{"promptTokenCount":7,"totalTokenCount":9}}`)
    const [flushed] = await once(gzip, "data")
    await arrival.connection.write(chunk(flushed))
    await (await call.answer()).nextChunk()
    call.connection.end()
    await soon("the end of the upstream's connection", arrival.connection.closed, 1_000)
  })
  expect(row).toMatchObject({ outcome: "client_aborted", total_tokens: 9, usage_final: false })
})

test("a client that hangs up before the answer closes the upstream's connection and leaves a row", async () => {
  const row = await rowOf(async () => {
    const { call, arrival } = await gateway.exchange()
    await arrival.body()
    call.connection.end()
    await soon("the end of the upstream's connection", arrival.connection.closed, 1_000)
  })
  expect(row).toMatchObject({ status: null, outcome: "client_aborted", prompt_tokens: null, ttft_ms: null })
})

test("a client that hangs up while it holds the upstream back leaves a row", async () => {
  const row = await rowOf(async () => {
    const { call, arrival } = await begin(STREAM)
    await arrival.connection.write(chunk(usageEvent(7, 9)))
    const answer = await call.answer()
    await answer.nextChunk()
    const { writing } = await writeUntilHeld((part) => arrival.connection.write(chunk(part)))
    writing.catch(() => {})
    call.connection.reset()
    await soon("the end of the upstream's connection", arrival.connection.closed, 1_000)
  })
  expect(row).toMatchObject({ status: 200, outcome: "client_aborted", total_tokens: 9 })
})

test("a client that hangs up before its request is whole leaves no row", async () => {
  const before = (await gateway.rows()).length
  const call = await gateway.send({
    fields: [
      ["Expect", "100-continue"],
      ["Content-Length", "9"],
    ],
    body: "",
  })
  expect((await call.answer()).startLine).toBe("HTTP/1.1 100 Continue")
  await call.connection.write("half")
  call.connection.end()
  await soon("the end of the client's connection", call.connection.closed)
  // The row of a later call comes after its own.
  const later = await gateway.exchange()
  await later.arrival.answer("200 OK", [], "{}")
  await (await later.call.answer()).body()
  expect((await gateway.rows(before + 1)).length).toBe(before + 1)
})

test("a client that hangs up in the middle of its upload closes the upstream's connection", async () => {
  const call = await gateway.send({ target: UPLOAD, fields: [["Content-Length", "1000000"]], body: "" })
  await call.connection.write("the first part")
  const arrival = await gateway.upstream.next()
  await arrival.nextChunk()
  call.connection.end()
  await soon("the end of the upstream's connection", arrival.connection.closed, 1_000)
})

test("an upstream that breaks off leaves the last counts", async () => {
  const row = await rowOf(async () => {
    const { call, arrival } = await begin(STREAM)
    await arrival.connection.write(chunk(usageEvent(7, 9)))
    await (await call.answer()).nextChunk()
    arrival.connection.reset()
    expect(await call.connection.closed).toBe("reset")
  })
  expect(row).toMatchObject({
    status: 200,
    outcome: "upstream_failed",
    prompt_tokens: 7,
    total_tokens: 9,
    usage_final: false,
  })
})

test("a hundred hang-ups leave a hundred rows, and calls go on", async () => {
  const before = (await gateway.rows()).length
  for (let call = 0; call < 100; call++) {
    const { call, arrival } = await begin(STREAM)
    await arrival.connection.write(chunk(usageEvent(7, 9)))
    await (await call.answer()).nextChunk()
    call.connection.reset()
    await soon("the end of the upstream's connection", arrival.connection.closed, 1_000)
  }
  const rows = (await gateway.rows(before + 100)).slice(before)
  expect(rows.map(({ outcome, total_tokens }) => `${outcome} ${total_tokens}`)).toEqual(
    Array(100).fill("client_aborted 9"),
  )
  const { call, arrival } = await gateway.exchange()
  await arrival.answer("200 OK", [], "{}")
  expect((await (await call.answer()).body()).toString()).toBe("{}")
})
