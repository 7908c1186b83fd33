/** What a client gets through tokenmeter is what the upstream sent: bytes, chunks, status and headers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { chunk, type Fields, LAST_CHUNK, type Message } from "../support/message.ts"
import { START_WITHIN } from "../support/program.ts"
import {
  DOWNLOAD,
  GENERATE,
  type RawGateway,
  relayInLockStep,
  STREAM,
  startRawGateway,
} from "../support/rawGateway.ts"

let gateway: RawGateway
beforeAll(async () => {
  gateway = await startRawGateway()
}, START_WITHIN)
afterAll(() => gateway?.stop())

const bytesOf = (text: string): Uint8Array => Buffer.from(text)
const everyByte = (times: number): Uint8Array =>
  Buffer.from(Array.from({ length: 256 * times }, (_, index) => index % 256))

/** In no order: names are case-insensitive and HTTP lets a proxy join lines of one name. Framing is each hop's own. */
const endToEnd = ({ fields }: Message): ReadonlyArray<string> =>
  fields
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .filter((line) => !line.startsWith("transfer-encoding:"))
    .sort()

const DATE = ["Date", "Tue, 15 Nov 1994 08:12:31 GMT"] as const
const JSON_TYPE = ["Content-Type", "application/json; charset=UTF-8"] as const

const PATHS = [
  ["a metered answer", GENERATE],
  ["an answer that is not metered", DOWNLOAD],
] as const

describe.each(PATHS)("%s", (_, target) => {
  test.each([0, 1, 100, 20_000, 1_000_000])("has the upstream's bytes (%p of them)", async (length) => {
    const body = everyByte(4_000).subarray(0, length)
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.answer("200 OK", [DATE, JSON_TYPE], body)
    const answer = await call.answer()
    expect(Buffer.compare(await answer.body(), body)).toBe(0)
  })

  test("has the upstream's bytes when it is chunked and comes at once", async () => {
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.body()
    const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    await arrival.connection.write(Buffer.concat([bytesOf(head), chunk("one"), chunk("two"), LAST_CHUNK]))
    expect((await (await call.answer()).body()).toString()).toBe("onetwo")
  })

  test("has the upstream's bytes when its end is the end of the connection", async () => {
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.body()
    await arrival.connection.write("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil closed")
    arrival.connection.end()
    expect((await (await call.answer()).body()).toString()).toBe("until closed")
  })

  test.each([
    ["reset", "reset"],
    ["closed before its last chunk", "end"],
  ] as const)("is cut off when the upstream's connection is %s", async (_, how) => {
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.beginChunked("200 OK", [JSON_TYPE])
    await arrival.connection.write(chunk("the first chunk"))
    const answer = await call.answer()
    expect(String(await answer.nextChunk())).toBe("the first chunk")
    arrival.connection[how]()
    await expect(answer.body()).rejects.toThrow("ended after 0 bytes")
    expect(await call.connection.closed).toBe("reset")
  })

  test("is cut off when it is shorter than the upstream said", async () => {
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.body()
    await arrival.connection.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe first bytes")
    const answer = await call.answer()
    expect(String(await answer.nextChunk())).toBe("the first bytes")
    arrival.connection.end()
    await expect(answer.body()).rejects.toThrow(/cut off|ended after/)
    expect(await call.connection.closed).toBe("reset")
  })

  test("has the upstream's end-to-end headers, and none of the hop's", async () => {
    const endToEndFields: Fields = [
      DATE,
      JSON_TYPE,
      ["X-Gemini-Service-Tier", "standard"],
      ["Server-Timing", "gfet4t7; dur=42"],
      ["Vary", "Origin"],
      ["Vary", "X-Origin"],
      ["Vary", "Referer"],
      ["Content-Disposition", "attachment"],
      ["Cache-Control", "private"],
      ["X-Odd", 'a "quoted, value"; b=\u00e4'],
      ["ETag", '"1"'],
    ]
    const hopByHop: Fields = [
      ["Connection", "X-Nominated, keep-alive"],
      ["X-Nominated", "1"],
      ["Keep-Alive", "timeout=5"],
      ["Proxy-Authenticate", "Basic"],
      ["Proxy-Connection", "keep-alive"],
      ["Trailer", "X-Trailer"],
      ["Upgrade", "h2c"],
      ["Set-Cookie", "NID=1; Path=/"],
      ["Set-Cookie", "SID=2"],
      ["Alt-Svc", 'h3=":443"'],
    ]
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.answer("200 OK", [...endToEndFields, ...hopByHop], "{}")
    const answer = await call.answer()
    expect(endToEnd(answer)).toEqual([
      "cache-control: private",
      "content-disposition: attachment",
      "content-length: 2",
      "content-type: application/json; charset=UTF-8",
      "date: Tue, 15 Nov 1994 08:12:31 GMT",
      'etag: "1"',
      "server-timing: gfet4t7; dur=42",
      "vary: Origin, X-Origin, Referer",
      "x-gemini-service-tier: standard",
      'x-odd: a "quoted, value"; b=\u00e4',
    ])
  })

  test.each([
    "200 OK",
    "201 Created",
    "206 Partial Content",
    "400 Bad Request",
    "403 Forbidden",
    "404 Not Found",
    "429 Too Many Requests",
    "500 Internal Server Error",
    "503 Service Unavailable",
  ])("has the upstream's status, headers and body (%s)", async (status) => {
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.answer(status, [DATE, JSON_TYPE, ["Retry-After", "7"]], '{"error":{}}')
    const answer = await call.answer()
    expect(answer.startLine).toBe(`HTTP/1.1 ${status}`)
    expect(answer.header("retry-after")).toBe("7")
    expect((await answer.body()).toString()).toBe('{"error":{}}')
  })

  test("keeps the length that the upstream announced, when it comes at once", async () => {
    const { call, arrival } = await gateway.exchange({ target })
    await arrival.answer("200 OK", [DATE, JSON_TYPE], "0123456789")
    const answer = await call.answer()
    expect(endToEnd(answer)).toContain("content-length: 10")
  })
})

describe.each([
  ["streamed generation", STREAM],
  ["download", DOWNLOAD],
])("a %s", (_, target) => {
  const euro = bytesOf("€")
  test.each<[string, ReadonlyArray<Uint8Array>]>([
    ["events that end in CRLF", ['data: {"a":1}\r\n\r\n', 'data: {"b":2}\r\n\r\n'].map(bytesOf)],
    ["elements of a JSON array", ['[{"a":1}\n', ",\r\n", '{"b":2}\n', "]"].map(bytesOf)],
    ["an event in pieces", ["da", 'ta: {"te', 'xt":"x"}\r', "\n\r\n"].map(bytesOf)],
    ["the bytes of a character", [bytesOf("data: "), euro.subarray(0, 1), euro.subarray(1)]],
    ["bytes that are no text", [Uint8Array.of(0xff, 0xfe, 0x00, 0xc3), Uint8Array.of(0x80)]],
    ["single bytes", Array.from(bytesOf('data: {"x":"é"}\r\n\r\n'), (byte) => Uint8Array.of(byte))],
    [
      "a bare error after an event",
      ['data: {"a":1}\r\n\r\n', '{\n  "error": {"code": 503}\n}\n'].map(bytesOf),
    ],
    ["large pieces", [everyByte(200), everyByte(50)]],
  ])("passes each chunk on as it comes: %s", async (_, pieces) => {
    const exchange = await gateway.exchange({ target })
    await exchange.arrival.beginChunked("200 OK", [["Content-Type", "text/event-stream"]])
    const { answer, received } = await relayInLockStep(exchange, pieces)
    expect(answer.header("transfer-encoding")).toBe("chunked")
    expect(received.slice(0, -1).map((bytes) => Buffer.from(bytes ?? []))).toEqual(
      pieces.map((bytes) => Buffer.from(bytes)),
    )
    expect(received.at(-1)).toBeUndefined()
  })

  test("keeps gzip as it is, chunk by chunk", async () => {
    const coded = Bun.gzipSync(Buffer.from(JSON.stringify({ text: "x".repeat(1_000) })))
    const pieces = [coded.subarray(0, 12), coded.subarray(12, 20), coded.subarray(20)]
    const exchange = await gateway.exchange({ target, fields: [["Accept-Encoding", "gzip"]] })
    await exchange.arrival.beginChunked("200 OK", [["Content-Encoding", "gzip"]])
    const { answer, received } = await relayInLockStep(exchange, pieces)
    expect(answer.header("content-encoding")).toBe("gzip")
    expect(received.slice(0, -1).map((bytes) => Buffer.from(bytes ?? []))).toEqual(
      pieces.map((bytes) => Buffer.from(bytes)),
    )
  })
})

describe("an answer without a body", () => {
  test.each([
    ["HEAD", "200 OK", "content-length: 1234"],
    ["GET", "204 No Content", 'etag: "1"'],
    ["GET", "304 Not Modified", 'etag: "1"'],
  ])("stays one (%s, %s)", async (method, status, expected) => {
    const { call, arrival } = await gateway.exchange({ method, target: "/v1beta/models" })
    await arrival.connection.write(`HTTP/1.1 ${status}\r\n${expected}\r\n\r\n`)
    const answer = await call.answer()
    expect(answer.startLine).toBe(`HTTP/1.1 ${status}`)
    expect(endToEnd(answer)).toContain(expected)
    expect(answer.header("transfer-encoding")).toBeNull()
    call.connection.end()
    expect(await call.connection.read()).toBeUndefined()
  })
})

describe("addresses of the upstream in headers", () => {
  test("a redirect of a download is passed on, to us", async () => {
    const { call, arrival } = await gateway.exchange({ target: DOWNLOAD })
    const location = "/download/v1beta/files/f1:download?alt=media"
    await arrival.answer("302 Found", [JSON_TYPE, ["Location", gateway.upstream.url + location]], "{}")
    const answer = await call.answer()
    expect(answer.startLine).toBe("HTTP/1.1 302 Found")
    expect(answer.header("location")).toBe(gateway.url + location)
    expect((await answer.body()).toString()).toBe("{}")
    expect(gateway.upstream.pending()).toBe(0)
  })

  test("a redirect to another host is passed on as it is, and not followed", async () => {
    const { call, arrival } = await gateway.exchange({ target: DOWNLOAD })
    await arrival.answer("302 Found", [["Location", "https://storage.example/f1?sig=1"]])
    expect((await call.answer()).header("location")).toBe("https://storage.example/f1?sig=1")
  })

  test("the second leg of a resumable upload comes to us, without the key", async () => {
    const { call, arrival } = await gateway.exchange({ target: "/upload/v1beta/files" })
    const leg = "/upload/v1beta/files?upload_id=1&upload_protocol=resumable"
    await arrival.answer("200 OK", [
      ["X-Goog-Upload-URL", `${gateway.upstream.url}${leg}&key=upstream-key-of-the-tests`],
      ["X-Goog-Upload-Control-URL", gateway.upstream.url + leg],
    ])
    const answer = await call.answer()
    expect(answer.header("x-goog-upload-url")).toBe(gateway.url + leg)
    expect(answer.header("x-goog-upload-control-url")).toBe(gateway.url + leg)
  })
})
