/** What the upstream gets through tokenmeter is what the client sent, with the upstream's key in place of the client's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { chunk, type Fields, head, LAST_CHUNK } from "../support/message.ts"
import { START_WITHIN } from "../support/program.ts"
import { send } from "../support/rawClient.ts"
import {
  DOWNLOAD,
  type Exchange,
  GENERATE,
  type RawGateway,
  startRawGateway,
  UPSTREAM_KEY,
} from "../support/rawGateway.ts"
import type { Arrival } from "../support/rawUpstream.ts"

let gateway: RawGateway
beforeAll(async () => {
  gateway = await startRawGateway()
}, START_WITHIN)
afterAll(() => gateway?.stop())

const UPLOAD = "/upload/v1beta/files"

/** Answers, so that nothing of this exchange is left for the next. */
const finish = async ({ call, arrival }: Exchange): Promise<void> => {
  await arrival.answer("200 OK", [])
  await (await call.answer()).body()
  call.connection.end()
}

const lines = ({ fields }: Arrival): ReadonlyArray<string> =>
  fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort()

/** What an SDK says of itself, so that Bun has nothing to add. */
const SDK_FIELDS: Fields = [
  ["User-Agent", "google-genai-sdk/3.1.0 gl-node/v24"],
  ["Accept", "*/*"],
  ["Accept-Encoding", "gzip, deflate"],
  ["Accept-Language", "*"],
  ["Content-Type", "application/json"],
  ["X-Goog-Api-Client", "google-genai-sdk/3.1.0 gl-node/v24"],
  ["X-Server-Timeout", "30"],
  ["X-Odd", "one, two"],
]

describe("headers", () => {
  test("arrive as the client sent them, with our key", async () => {
    const exchange = await gateway.exchange({ fields: SDK_FIELDS })
    expect(lines(exchange.arrival)).toEqual([
      "accept-encoding: gzip, deflate",
      "accept-language: *",
      "accept: */*",
      "connection: keep-alive",
      "content-length: 2",
      "content-type: application/json",
      `host: ${new URL(gateway.upstream.url).host}`,
      "user-agent: google-genai-sdk/3.1.0 gl-node/v24",
      `x-goog-api-client: google-genai-sdk/3.1.0 gl-node/v24`,
      `x-goog-api-key: ${UPSTREAM_KEY}`,
      "x-odd: one, two",
      "x-server-timeout: 30",
    ])
    await finish(exchange)
  })

  test("of the hop, of the client and nominated by Connection stay behind; our key cannot be nominated", async () => {
    const fields: Fields = [
      ["Connection", "keep-alive, X-Nominated, x-goog-api-key, Content-Type"],
      ["X-Nominated", "1"],
      ["Keep-Alive", "timeout=5"],
      ["TE", "trailers"],
      ["Trailer", "X-T"],
      ["Upgrade", "h2c"],
      ["Proxy-Authorization", "Basic YTpi"],
      ["Proxy-Connection", "keep-alive"],
      ["Cookie", "a=b"],
      ["Origin", "https://app.example"],
      ["Referer", "https://app.example/page"],
      ["Forwarded", "for=192.0.2.1"],
      ["Via", "1.1 other"],
      ["X-Forwarded-For", "192.0.2.1"],
      ["X-Real-IP", "192.0.2.1"],
      ["X-Goog-User-Project", "someone-elses"],
      ["Sec-Fetch-Mode", "cors"],
    ]
    const exchange = await gateway.exchange({ fields: [...SDK_FIELDS.slice(0, 3), ...fields] })
    expect(lines(exchange.arrival)).toEqual([
      "accept-encoding: gzip, deflate",
      "accept: */*",
      "connection: keep-alive",
      "content-length: 2",
      `host: ${new URL(gateway.upstream.url).host}`,
      "user-agent: google-genai-sdk/3.1.0 gl-node/v24",
      `x-goog-api-key: ${UPSTREAM_KEY}`,
    ])
    await finish(exchange)
  })

  test("ask for no compression when the client asked for none", async () => {
    const exchange = await gateway.exchange()
    expect(exchange.arrival.header("accept-encoding")).toBe("identity")
    await finish(exchange)
  })
})

describe("the client's key", () => {
  test.each<[string, (key: string) => { readonly target?: string; readonly credentials: Fields }]>([
    ["x-goog-api-key", (key) => ({ credentials: [["x-goog-api-key", key]] })],
    ["X-GOOG-API-KEY", (key) => ({ credentials: [["X-GOOG-API-KEY", key]] })],
    ["Authorization", (key) => ({ credentials: [["Authorization", `Bearer ${key}`]] })],
    ["the query", (key) => ({ target: `${GENERATE}?key=${key}`, credentials: [] })],
    ["the query, encoded", (key) => ({ target: `${GENERATE}?k%65y=${key}`, credentials: [] })],
    [
      "everywhere",
      (key) => ({
        target: `${GENERATE}?key=${key}&access_token=${key}&key=${key}`,
        credentials: [
          ["x-goog-api-key", key],
          ["Authorization", `bearer ${key}`],
        ],
      }),
    ],
  ])("is taken from %s and goes no further", async (_, parts) => {
    const exchange = await gateway.exchange(parts(gateway.key))
    const { startLine, fields } = exchange.arrival
    expect(JSON.stringify([startLine, fields])).not.toContain(gateway.key)
    expect(fields.filter(([, value]) => value.includes(UPSTREAM_KEY))).toEqual([
      ["x-goog-api-key", UPSTREAM_KEY],
    ])
    expect(startLine).toBe(`POST ${GENERATE} HTTP/1.1`)
    await finish(exchange)
  })
})

describe("the target", () => {
  test.each([
    ["?alt=sse", "?alt=sse"],
    ["?", ""],
    ["?key=KEY", ""],
    ["?key=KEY&alt=sse", "?alt=sse"],
    ["?alt=sse&key=KEY&%24alt=json%3Benum-encoding%3Dint", "?alt=sse&%24alt=json%3Benum-encoding%3Dint"],
    ["?a=%20+b&&c&=d&k%65y=KEY&KEY=x&keys=1&e=%C3%A9&a=2", "?a=%20+b&&c&=d&KEY=x&keys=1&e=%C3%A9&a=2"],
    ["?oauth_token=x&a=1&access_token=y", "?a=1"],
    ["?a=b?c=d/e:f@g&q=()*!~;,", "?a=b?c=d/e:f@g&q=()*!~;,"],
  ])("keeps its query but for the key (%p)", async (query, expected) => {
    const carriesKey = query.includes("=KEY")
    const exchange = await gateway.exchange({
      target: GENERATE + query.replaceAll("=KEY", `=${gateway.key}`),
      ...(carriesKey ? { credentials: [] } : {}),
    })
    expect(exchange.arrival.startLine).toBe(`POST ${GENERATE}${expected} HTTP/1.1`)
    await finish(exchange)
  })

  test.each([
    "/v1/models/gemini-2.5-flash:generateContent",
    "/v1alpha/auth_tokens",
    "/v1beta/models/gemini-2.5-flash%3AgenerateContent",
    "/v1beta/tunedModels/a%2Fb%20c%25:generateContent",
    "/v1beta/files/~!$&'()*+,;=:@-._%E2%82%AC",
    "/v1beta//double//slash/",
    "/v1beta/",
    "/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore",
    "/download/v1beta/files/f:download",
    "/v1beta/openai/chat/completions",
  ])("keeps its path (%p)", async (target) => {
    const exchange = await gateway.exchange({ target })
    expect(exchange.arrival.startLine).toBe(`POST ${target} HTTP/1.1`)
    await finish(exchange)
  })

  test.each(["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])("keeps its method (%s)", async (method) => {
    const exchange = await gateway.exchange({ method, target: "/v1beta/files/f1" })
    expect(exchange.arrival.startLine).toBe(`${method} /v1beta/files/f1 HTTP/1.1`)
    await finish(exchange)
  })

  test("goes to the upstream whatever host an absolute one names", async () => {
    const exchange = await gateway.exchange({ method: "GET", target: `http://evil.example${DOWNLOAD}` })
    expect(exchange.arrival.startLine).toBe(`GET ${DOWNLOAD} HTTP/1.1`)
    expect(exchange.arrival.header("host")).toBe(new URL(gateway.upstream.url).host)
    await finish(exchange)
  })

  test("is found under a host name of two letters", async () => {
    const request = head("GET /v1beta/models HTTP/1.1", [
      ["Host", "tm"],
      ["x-goog-api-key", gateway.key],
    ])
    const call = await send(gateway.url, request)
    const arrival = await gateway.upstream.next()
    expect(arrival.startLine).toBe("GET /v1beta/models HTTP/1.1")
    await finish({ call, arrival })
  })
})

describe("the body", () => {
  test.each([1, 1_000, 65_536, 65_537, 1_000_000])("arrives byte for byte (%p)", async (length) => {
    const body = Buffer.alloc(length, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)))
    const exchange = await gateway.exchange({ target: UPLOAD, body })
    expect(Buffer.compare(await exchange.arrival.body(), body)).toBe(0)
    await finish(exchange)
  })

  test("keeps the length that the client announced", async () => {
    const exchange = await gateway.exchange({ target: UPLOAD, body: Buffer.alloc(100) })
    await finish(exchange)
    expect(exchange.arrival.header("content-length")).toBe("100")
  })

  test("keeps the length that the client announced when it is streamed", async () => {
    const exchange = await gateway.exchange({ target: UPLOAD, body: Buffer.alloc(1_000_000) })
    await finish(exchange)
    expect(exchange.arrival.header("content-length")).toBe("1000000")
    expect(exchange.arrival.header("transfer-encoding")).toBeNull()
  })

  test.each<[string, Fields, (text: string) => Uint8Array | string, Uint8Array | string]>([
    ["chunked", [["Transfer-Encoding", "chunked"]], chunk, LAST_CHUNK],
    ["of a known length", [["Content-Length", "100000"]], (text) => text, ""],
  ])("is at the upstream while the client still holds the rest (%s)", async (_, fields, part, last) => {
    const call = await gateway.send({ target: UPLOAD, fields, body: "" })
    await call.connection.write(part("the first part"))
    const arrival = await gateway.upstream.next()
    expect(String(await arrival.nextChunk())).toBe("the first part")
    await call.connection.write(part("the second part"))
    expect(String(await arrival.nextChunk())).toBe("the second part")
    if (last === "") return call.connection.reset()
    await call.connection.write(last)
    await finish({ call, arrival })
  })

  test("is asked for when the client waits for a word first", async () => {
    const fields: Fields = [
      ["Expect", "100-continue"],
      ["Content-Length", "2"],
    ]
    const call = await gateway.send({ fields, body: "" })
    expect((await call.answer()).startLine).toBe("HTTP/1.1 100 Continue")
    await call.connection.write("{}")
    const arrival = await gateway.upstream.next()
    expect((await arrival.body()).toString()).toBe("{}")
    expect(arrival.header("expect")).toBeNull()
    await finish({ call, arrival })
  })

  test("may be answered before it has ended", async () => {
    const call = await gateway.send({ target: UPLOAD, fields: [["Content-Length", "1000000"]], body: "" })
    await call.connection.write("a part")
    const arrival = await gateway.upstream.next()
    await arrival.nextChunk()
    await arrival.connection.write("HTTP/1.1 413 Payload Too Large\r\ncontent-length: 3\r\n\r\nbig")
    const answer = await call.answer()
    expect(answer.startLine).toBe("HTTP/1.1 413 Payload Too Large")
    expect((await answer.body()).toString()).toBe("big")
    call.connection.reset()
  })

  test("may be larger than Bun's own limit of 128 MiB", async () => {
    const call = await gateway.send({ target: UPLOAD, fields: [["Content-Length", "2000000000"]], body: "" })
    await call.connection.write("a part")
    const arrival = await gateway.upstream.next()
    expect(arrival.header("content-length")).toBe("2000000000")
    expect(String(await arrival.nextChunk())).toBe("a part")
    call.connection.reset()
  })
})
