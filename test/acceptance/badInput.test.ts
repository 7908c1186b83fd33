/** What goes wrong is answered as Gemini answers, records nothing that was no generation, and gives no secret away. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { connect, soon } from "../support/connection.ts"
import { DATABASE_PASSWORD } from "../support/databaseDoor.ts"
import { chunk, type Fields, head } from "../support/message.ts"
import { START_WITHIN } from "../support/program.ts"
import { type RawCall, send } from "../support/rawClient.ts"
import { GENERATE, type RequestParts, STREAM, startRawGateway, UPSTREAM_KEY } from "../support/rawGateway.ts"
import { makeKey, type RawServing, startRawServing } from "../support/rawServing.ts"
import { refusalOf, strangersKey } from "../support/refusal.ts"

setDefaultTimeout(START_WITHIN)

const MODELS = "/v1beta/models"

let serving: RawServing
let revokedKey: string
beforeAll(async () => {
  serving = await startRawServing()
  revokedKey = await makeKey(serving.door, "revoked")
  await serving.door.sql`update api_keys set revoked_at = now() where name = 'revoked'`
})
afterAll(() => serving?.[Symbol.asyncDispose]())

/** The error that a call is refused with, and no secret in it. */
const refusal = (call: RawCall): Promise<string> =>
  refusalOf(call, [serving.key, revokedKey, strangersKey, UPSTREAM_KEY, DATABASE_PASSWORD])

describe("a client without a good key is refused", () => {
  test.each<[string, () => RequestParts]>([
    ["no key", () => ({ credentials: [] })],
    ["an empty key", () => ({ credentials: [["x-goog-api-key", ""]] })],
    ["a string of its own", () => ({ credentials: [["x-goog-api-key", "AIzaSyA-0123456789"]] })],
    ["the upstream's key", () => ({ credentials: [["x-goog-api-key", UPSTREAM_KEY]] })],
    ["a key that nobody has", () => ({ credentials: [["x-goog-api-key", strangersKey]] })],
    ["a key with a slip of the pen", () => ({ credentials: [["x-goog-api-key", misspelt(serving.key)]] })],
    ["a revoked key", () => ({ credentials: [["x-goog-api-key", revokedKey]] })],
    ["a revoked key in the query", () => ({ target: `${GENERATE}?key=${revokedKey}`, credentials: [] })],
    ["a revoked key as bearer", () => ({ credentials: [["Authorization", `Bearer ${revokedKey}`]] })],
    [
      "its key as a password",
      () => ({ credentials: [["Authorization", `Basic ${btoa(`:${serving.key}`)}`]] }),
    ],
    [
      "two keys in one header",
      () => ({ credentials: [["x-goog-api-key", `${serving.key}, ${strangersKey}`]] }),
    ],
    ["no key, a large body", () => ({ credentials: [], body: Buffer.alloc(200_000) })],
  ])("%s", async (_, parts) => {
    expect(await refusal(await serving.send(parts()))).toBe("401 UNAUTHENTICATED API_KEY_INVALID")
    expect(await refusal(await serving.send({ target: MODELS, method: "GET", ...parts(), body: "" }))).toBe(
      "401 UNAUTHENTICATED API_KEY_INVALID",
    )
  })

  const misspelt = (key: string): string => key.slice(0, -1) + (key.endsWith("0") ? "1" : "0")

  test.each<[string, () => RequestParts]>([
    ["header and query", () => ({ target: `${GENERATE}?key=${strangersKey}` })],
    [
      "header and bearer",
      () => ({
        credentials: [
          ["x-goog-api-key", serving.key],
          ["Authorization", `Bearer ${strangersKey}`],
        ],
      }),
    ],
    [
      "twice in the query",
      () => ({
        target: `${GENERATE}?key=${serving.key}&k%65y=${strangersKey}`,
        credentials: [],
      }),
    ],
  ])("two different keys: %s", async (_, parts) => {
    expect(await refusal(await serving.send(parts()))).toBe("400 INVALID_ARGUMENT API_KEY_CONFLICT")
  })
})

describe("a target that is none of ours", () => {
  test.each([
    ["GET", "/nope"],
    ["POST", "/v1"],
    ["POST", "/V1beta/models/m:generateContent"],
    ["POST", "/%761beta/models/m:generateContent"],
    ["POST", "/v2/models/m:generateContent"],
    ["GET", "//evil.example/x"],
    ["GET", "//v1beta/models"],
    ["GET", "/v1beta/../admin/keys"],
    ["GET", "/v1beta/%2e%2e/admin/keys"],
    ["POST", "/health/live"],
    ["GET", "http://evil.example/nope"],
  ])("is not found (%s %s)", async (method, target) => {
    expect(await refusal(await serving.send({ method, target }))).toBe("404 NOT_FOUND PATH_NOT_FOUND")
  })

  test.each(["e@x", "evil.example:99@x", "evil.example/v1beta/models:generateContent?", "a b", ""])(
    "is refused when Host is %p",
    async (host) => {
      const fields: Fields = [
        ["Host", host],
        ["x-goog-api-key", serving.key],
      ]
      const call = await send(serving.program.url, head(`GET ${MODELS} HTTP/1.1`, fields))
      expect(await refusal(call)).toBe("400 INVALID_ARGUMENT BAD_REQUEST")
    },
  )

  test("is refused when Host is no host and the rest looks like one of ours", async () => {
    const fields: Fields = [
      ["Host", "e@x"],
      ["x-goog-api-key", serving.key],
    ]
    const call = await send(serving.program.url, head("GET /v1beta/v1/models HTTP/1.1", fields))
    expect(await refusal(call)).toBe("400 INVALID_ARGUMENT BAD_REQUEST")
  })

  test("goes to the upstream alone when there are two Hosts", async () => {
    const { call, arrival } = await serving.exchange({ target: MODELS, fields: [["Host", "evil.example"]] })
    expect(arrival.header("host")).toBe(new URL(serving.upstream.url).host)
    await arrival.answer("200 OK", [])
    await (await call.answer()).body()
  })

  // An upstream that knows them would send our key back, or open a tunnel.
  test.each(["TRACE", "CONNECT"])("is not forwarded when the method is %s", async (method) => {
    const call = await serving.send({ method, target: MODELS })
    expect(await refusal(call)).toBe("400 INVALID_ARGUMENT BAD_REQUEST")
  })
})

describe("what is no HTTP request", () => {
  const host = () => new URL(serving.program.url).host
  test.each<[string, () => string, RegExp]>([
    ["no Host", () => `GET ${MODELS} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ["no request line", () => "garbage\r\n\r\n", /^HTTP\/1\.1 400 /],
    [
      "two lengths",
      () =>
        `POST ${GENERATE} HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      "a length and chunks",
      () =>
        `POST ${GENERATE} HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      "a length that is none",
      () => `POST ${GENERATE} HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: -1\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      "a folded header",
      () => `GET ${MODELS} HTTP/1.1\r\nHost: ${host()}\r\nX: a\r\n b\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      "a header of 40 KB",
      () => `GET ${MODELS} HTTP/1.1\r\nHost: ${host()}\r\nX: ${"a".repeat(40_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
  ])("is refused: %s", async (_, bytes, expected) => {
    const call = await send(serving.program.url, bytes())
    expect((await call.answer()).startLine).toMatch(expected)
  })

  test("ends the connection when it is ten megabytes of headers, and no other", async () => {
    const connection = await connect(serving.program.url)
    const bytes = head(`GET ${MODELS} HTTP/1.1`, [
      ["Host", host()],
      ...Array(1_000).fill(["X-Large", "a".repeat(10_000)]),
    ])
    await connection.write(bytes).catch(() => {})
    await soon("the end of the connection", connection.closed)
    await expectService()
  })
})

/** A generation goes through. */
const expectService = async (): Promise<void> => {
  const { call, arrival } = await serving.exchange()
  await arrival.answer("200 OK", [["Content-Type", "application/json"]], "{}")
  expect((await call.answer()).startLine).toBe("HTTP/1.1 200 OK")
  call.connection.end()
}

describe("an upstream", () => {
  test("that closes the connection without an answer is a bad gateway", async () => {
    const { call, arrival } = await serving.exchange({ target: MODELS })
    await arrival.body()
    arrival.connection.end()
    expect(await refusal(call)).toBe("502 UNAVAILABLE UPSTREAM_BROKEN")
  })

  test("that resets the connection after its head is a bad gateway", async () => {
    const { call, arrival } = await serving.exchange({ target: MODELS })
    await arrival.beginChunked("200 OK")
    arrival.connection.reset()
    expect(await refusal(call)).toBe("502 UNAVAILABLE UPSTREAM_BROKEN")
  })

  test("that breaks off in mid-stream leaves its last counts", async () => {
    const { call, arrival } = await serving.exchange({ target: STREAM })
    await arrival.beginChunked("200 OK")
    await arrival.connection.write(chunk('data: {"usageMetadata":{"totalTokenCount":9}}\r\n\r\n'))
    await (await call.answer()).nextChunk()
    arrival.connection.reset()
    expect(await call.connection.closed).toBe("reset")
  })

  test.each([
    ["does not listen", "http://127.0.0.1:1"],
    ["has no address", "http://upstream.invalid"],
  ])("that %s is a bad gateway, and no generation", async (_, upstreamUrl) => {
    const gateway = await startRawGateway({ upstreamUrl })
    try {
      expect(await refusal(await gateway.send())).toBe("502 UNAVAILABLE UPSTREAM_UNREACHABLE")
      expect(await gateway.rows()).toHaveLength(0)
    } finally {
      await gateway.stop()
    }
  })

  test("that speaks no TLS is a bad gateway", async () => {
    const gateway = await startRawGateway({ upstreamUrl: serving.program.url.replace("http:", "https:") })
    try {
      expect(await refusal(await gateway.send())).toBe("502 UNAVAILABLE UPSTREAM_BROKEN")
    } finally {
      await gateway.stop()
    }
  })
})

test("nothing of this was recorded but the generations, and no secret was logged", async () => {
  await expectService()
  // Those of a client that is refused, or of no generation, would have come before.
  const rows = await serving.rows(3)
  expect(rows.map(({ outcome, total_tokens }) => `${outcome} ${total_tokens}`)).toEqual([
    "complete null",
    "upstream_failed 9",
    "complete null",
  ])
  expect(serving.upstream.pending()).toBe(0)
  expect(serving.program.stderr()).toBe("")
})
