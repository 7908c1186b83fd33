/** What a streamed generation leaves in `request_logs`: the last usage object, whole, whatever the framing. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { Fields } from "../support/message.ts"
import {
  EVENT_FIELDS,
  event,
  FULL_ROW,
  identityOf,
  JSON_FIELDS,
  pretty,
  recordCall,
  USAGE,
} from "../support/meteredCall.ts"
import { START_WITHIN } from "../support/program.ts"
import { type RawGateway, type RequestParts, STREAM, startRawGateway } from "../support/rawGateway.ts"

let gateway: RawGateway
beforeAll(async () => {
  gateway = await startRawGateway()
}, START_WITHIN)
afterAll(() => gateway?.stop())

const rowOf = (
  parts: RequestParts,
  status: string,
  fields: Fields,
  pieces: ReadonlyArray<Uint8Array | string>,
) => recordCall(gateway, parts, status, fields, pieces)

const message = (usageMetadata: object | undefined, finishReason?: string) => ({
  candidates: [{ content: { parts: [{ text: "x" }] }, finishReason }],
  usageMetadata,
  modelVersion: "models/gemini-2.5-flash-001",
  responseId: "r-1",
})

/** Counts may shrink and fields may vanish from one message to the next. */
const MESSAGES = [
  message({ promptTokenCount: 169, totalTokenCount: 169 }),
  message(
    { promptTokenCount: 169, candidatesTokenCount: 21, thoughtsTokenCount: 9, totalTokenCount: 199 },
    "STOP",
  ),
  message(USAGE, "MAX_TOKENS"),
]
const STREAM_ROW = {
  ...FULL_ROW,
  endpoint: "streamGenerateContent",
  streamed: true,
  finish_reason: "MAX_TOKENS",
}

const ARRAY = STREAM.slice(0, STREAM.indexOf("?"))
const array = `[${MESSAGES.map(pretty).join("\n,\r\n")}\n]`

test.each<[string, string, Fields, string]>([
  ["server-sent events", STREAM, EVENT_FIELDS, MESSAGES.map(event).join("")],
  ["a JSON array", ARRAY, JSON_FIELDS, array],
])("a stream leaves one row with its last counts, whole (%s)", async (_, target, fields, text) => {
  const row = await rowOf({ target }, "200 OK", fields, [text])
  expect(row).toEqual({ ...identityOf(row), ...STREAM_ROW })
  const cut = text.match(/[\s\S]{1,7}/g) ?? []
  const again = await rowOf({ target }, "200 OK", fields, cut)
  expect(again).toEqual({ ...identityOf(again), ...STREAM_ROW })
})

test.each<[string, string, Fields, string]>([
  ["server-sent events", STREAM, EVENT_FIELDS, MESSAGES.map(event).join("")],
  ["a JSON array", ARRAY, JSON_FIELDS, array],
])("a stream leaves the same row when it is compressed (%s)", async (_, target, fields, text) => {
  const coded = Bun.gzipSync(Buffer.from(text))
  const row = await rowOf(
    { target, fields: [["Accept-Encoding", "gzip"]] },
    "200 OK",
    [...fields, ["Content-Encoding", "gzip"]],
    [coded.subarray(0, 20), coded.subarray(20)],
  )
  expect(row).toEqual({ ...identityOf(row), ...STREAM_ROW })
})

test("a stream has not ended well when an error comes in mid-stream", async () => {
  const error = '{\n  "error": {\n    "code": 503,\n    "status": "UNAVAILABLE"\n  }\n}\n'
  const row = await rowOf({ target: STREAM }, "200 OK", EVENT_FIELDS, [event(MESSAGES[1]), error])
  expect(row).toMatchObject({
    status: 200,
    outcome: "upstream_failed",
    prompt_tokens: 169,
    total_tokens: 199,
    usage_final: false,
  })
})

test("a stream is not final when its last message gives no reason for its end", async () => {
  const row = await rowOf({ target: STREAM }, "200 OK", EVENT_FIELDS, [event(MESSAGES[0])])
  expect(row).toMatchObject({ outcome: "complete", total_tokens: 169, usage_final: false })
})
