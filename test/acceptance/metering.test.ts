/** What a call leaves in `request_logs`: every column, by what the upstream answered. Streams are in streamMetering.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { brotliCompressSync, deflateSync } from "node:zlib"
import { Effect } from "effect"
import { chunk, type Fields, LAST_CHUNK } from "../support/message.ts"
import {
  ANSWER,
  count,
  EVENT_FIELDS,
  event,
  FULL_ROW,
  identityOf,
  JSON_FIELDS,
  NO_COUNTS,
  pretty,
  recordCall,
  USAGE,
  uuidTime,
} from "../support/meteredCall.ts"
import { START_WITHIN } from "../support/program.ts"
import {
  GENERATE,
  type RawGateway,
  type RequestParts,
  STREAM,
  startRawGateway,
} from "../support/rawGateway.ts"

let gateway: RawGateway
beforeAll(async () => {
  gateway = await startRawGateway()
}, START_WITHIN)
afterAll(() => gateway?.stop())

const MODEL = "/v1beta/models/gemini-2.5-flash"

const rowOf = (
  parts: RequestParts,
  status: string,
  fields: Fields,
  pieces: ReadonlyArray<Uint8Array | string>,
) => recordCall(gateway, parts, status, fields, pieces)

describe("a successful generateContent", () => {
  test("leaves one row with its token counts", async () => {
    const row = await rowOf({}, "200 OK", JSON_FIELDS, [pretty(ANSWER)])
    expect(row).toEqual({ ...identityOf(row), ...FULL_ROW })
  })

  test("is the row's under a UUIDv7 of the moment of its admission, and the key's that made it", async () => {
    const start = Date.now()
    const row = await rowOf({}, "200 OK", JSON_FIELDS, [pretty(ANSWER)])
    const { id, created_at, api_key_id, latency_ms, ttft_ms } = row as {
      readonly id: string
      readonly created_at: Date
      readonly api_key_id: string
      readonly latency_ms: number
      readonly ttft_ms: number
    }
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(created_at.getTime()).toBe(uuidTime(id))
    expect(uuidTime(id)).toBeWithin(start, Date.now() + 1)
    expect(api_key_id).toBe(await keyId())
    expect(ttft_ms).toBeWithin(0, latency_ms + 1)
    expect(latency_ms).toBeWithin(0, Date.now() - start + 1)
  })

  const keyId = async (): Promise<string> => {
    const { database } = gateway
    const rows = await Effect.runPromise(database.admin.run((sql) => sql`select id from api_keys`))
    return rows[0]?.id as string
  }

  test("is timed to its first byte and to its last", async () => {
    const HOLD = 60
    const before = (await gateway.rows()).length
    const { call, arrival } = await gateway.exchange({ target: STREAM })
    await arrival.body()
    await Bun.sleep(HOLD)
    await arrival.beginChunked("200 OK", EVENT_FIELDS)
    await arrival.connection.write(chunk(event({ usageMetadata: {} })))
    const answer = await call.answer()
    await answer.nextChunk()
    await Bun.sleep(HOLD)
    await arrival.connection.write(Buffer.concat([chunk(event({})), LAST_CHUNK]))
    await answer.body()
    const { ttft_ms, latency_ms } = (await gateway.rows(before + 1)).at(-1) as Readonly<
      Record<string, number>
    >
    expect(ttft_ms).toBeGreaterThanOrEqual(HOLD - 1)
    expect(latency_ms).toBeGreaterThanOrEqual((ttft_ms ?? 0) + HOLD - 1)
  })

  test.each<[string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array]>([
    ["gzip", Bun.gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["zstd", Bun.zstdCompressSync],
  ])("leaves the same row when the answer is compressed (%s)", async (coding, compress) => {
    const coded = Buffer.from(compress(Buffer.from(pretty(ANSWER))))
    const half = coded.length >> 1
    const row = await rowOf(
      { fields: [["Accept-Encoding", coding]] },
      "200 OK",
      [...JSON_FIELDS, ["Content-Encoding", coding]],
      [coded.subarray(0, half), coded.subarray(half)],
    )
    expect(row).toEqual({ ...identityOf(row), ...FULL_ROW })
  })

  test("leaves the same row however its bytes are cut", async () => {
    const bytes = Buffer.from(JSON.stringify(ANSWER))
    const row = await rowOf(
      {},
      "200 OK",
      JSON_FIELDS,
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
    )
    expect(row).toEqual({ ...identityOf(row), ...FULL_ROW })
  })

  test("leaves its counts when they come after ten megabytes of answer", async () => {
    const data = Buffer.alloc(10_000_000, "QUJD").toString()
    const image = { candidates: [{ content: { parts: [{ inlineData: { data } }] }, finishReason: "STOP" }] }
    const row = await rowOf({}, "200 OK", JSON_FIELDS, [JSON.stringify({ ...image, usageMetadata: USAGE })])
    expect(row).toMatchObject({ outcome: "complete", prompt_tokens: 100, total_tokens: 155 })
  })

  test("leaves what a tuned model and an encoded name say of themselves", async () => {
    const target = "/v1/tunedModels/my%20model%3AgenerateContent"
    const row = await rowOf({ target }, "200 OK", JSON_FIELDS, [pretty(ANSWER)])
    expect(row).toMatchObject({ endpoint: "generateContent", model: "tunedModels/my model" })
  })

  test("leaves zeros for counts that are absent from its usage", async () => {
    const usageMetadata = { promptTokenCount: 12, totalTokenCount: 12 }
    const body = { promptFeedback: { blockReason: "SAFETY" }, usageMetadata }
    const row = await rowOf(
      {},
      "200 OK",
      [...JSON_FIELDS, ["X-Gemini-Service-Tier", "standard"]],
      [pretty(body)],
    )
    expect(row).toMatchObject({
      prompt_tokens: 12,
      candidate_tokens: 0,
      total_tokens: 12,
      cached_tokens: 0,
      thoughts_tokens: 0,
      tool_use_tokens: 0,
      usage_details: null,
      usage_final: true,
      usage_consistent: true,
      finish_reason: "SAFETY",
      service_tier: "standard",
    })
  })

  test("leaves the prompt that its total tells when the prompt is absent", async () => {
    const usageMetadata = { candidatesTokenCount: 1, thoughtsTokenCount: 122, totalTokenCount: 698 }
    const row = await rowOf({}, "200 OK", JSON_FIELDS, [pretty({ usageMetadata })])
    expect(row).toMatchObject({ prompt_tokens: 575, usage_consistent: true })
  })

  test("leaves a row that says so when its counts do not add up", async () => {
    const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 2, totalTokenCount: 9 }
    const row = await rowOf({}, "200 OK", JSON_FIELDS, [pretty({ usageMetadata })])
    expect(row).toMatchObject({ prompt_tokens: 1, total_tokens: 9, usage_consistent: false })
  })

  test("leaves no counts when it reports no usage", async () => {
    const { usageMetadata: _, ...body } = ANSWER
    const row = await rowOf({}, "200 OK", JSON_FIELDS, [pretty(body)])
    expect(row).toMatchObject({ ...NO_COUNTS, usage_final: true, outcome: "complete", response_id: "r-1" })
  })

  test.each([
    ["empty", ""],
    ["no JSON", "<html>"],
  ])("leaves no counts when its body is %s", async (_, body) => {
    const row = await rowOf({}, "200 OK", JSON_FIELDS, body === "" ? [] : [body])
    expect(row).toMatchObject({ ...NO_COUNTS, status: 200, outcome: "complete" })
  })
})

describe("embeddings", () => {
  test.each([
    ["embedContent", { embedding: { values: [0.1, -0.2] } }],
    ["batchEmbedContents", { embeddings: [{ values: [0.1] }, { values: [0.2] }] }],
  ])("leave their prompt count (%s)", async (method, body) => {
    const usageMetadata = { promptTokenCount: 8, promptTokenDetails: [count("TEXT", 8)] }
    const target = `/v1beta/models/gemini-embedding-2:${method}`
    const row = await rowOf({ target }, "200 OK", JSON_FIELDS, [pretty({ ...body, usageMetadata })])
    expect(row).toEqual({
      ...identityOf(row),
      ...FULL_ROW,
      endpoint: method,
      model: "gemini-embedding-2",
      model_version: null,
      prompt_tokens: 8,
      candidate_tokens: 0,
      total_tokens: 8,
      cached_tokens: 0,
      thoughts_tokens: 0,
      tool_use_tokens: 0,
      usage_details: { promptTokenDetails: [count("TEXT", 8)] },
      response_id: null,
      finish_reason: null,
      service_tier: null,
    })
  })

  test("leave no counts when the model reports none", async () => {
    const target = "/v1beta/models/gemini-embedding-001:embedContent"
    const row = await rowOf({ target }, "200 OK", JSON_FIELDS, [pretty({ embedding: { values: [1] } })])
    expect(row).toMatchObject({ ...NO_COUNTS, usage_final: true, endpoint: "embedContent" })
  })
})

describe("a failed generation", () => {
  test.each([
    ["400 Bad Request", GENERATE, JSON_FIELDS],
    ["429 Too Many Requests", GENERATE, JSON_FIELDS],
    ["503 Service Unavailable", STREAM, EVENT_FIELDS],
  ])("leaves its status and no counts (%s)", async (status, target, fields) => {
    const body = pretty({ error: { code: 1, message: "m" }, usageMetadata: USAGE })
    const row = await rowOf({ target }, status, fields, [body])
    expect(row).toMatchObject({
      ...NO_COUNTS,
      status: Number(status.slice(0, 3)),
      outcome: "complete",
      model: "gemini-2.5-flash",
      model_version: null,
      response_id: null,
      finish_reason: null,
    })
  })

  test("leaves no status when the upstream closes the connection without an answer", async () => {
    const before = (await gateway.rows()).length
    const { call, arrival } = await gateway.exchange()
    await arrival.body()
    arrival.connection.end()
    expect((await call.answer()).startLine).toBe("HTTP/1.1 502 Bad Gateway")
    const rows = await gateway.rows(before + 1)
    expect(rows.at(-1)).toMatchObject({
      ...NO_COUNTS,
      status: null,
      outcome: "upstream_failed",
      ttft_ms: null,
    })
  })
})

test.each([
  ["POST", `${MODEL}:countTokens`],
  ["GET", "/v1beta/models"],
  ["GET", MODEL],
  ["GET", "/v1beta/cachedContents/c1"],
  ["POST", "/v1beta/cachedContents"],
  ["POST", "/upload/v1beta/files"],
  ["GET", "/v1beta/batches/b1"],
  ["POST", `${MODEL}:batchGenerateContent`],
  ["GET", `${MODEL}:generateContent`],
  ["OPTIONS", `${MODEL}:generateContent`],
])("%s %s is no generation and leaves no row", async (method, target) => {
  const before = (await gateway.rows()).length
  const { call, arrival } = await gateway.exchange({ method, target })
  await arrival.answer("200 OK", JSON_FIELDS, pretty(ANSWER))
  await (await call.answer()).body()
  // The row of a later call would come after its own.
  await rowOf({}, "200 OK", JSON_FIELDS, [pretty(ANSWER)])
  expect((await gateway.rows()).length).toBe(before + 1)
})
