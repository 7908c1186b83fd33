/** Calls whose answer a test makes up, the row that each leaves, and an answer in which every column has a value. */
import { expect } from "bun:test"
import type { Row } from "./gateway.ts"
import { chunk, type Fields, LAST_CHUNK } from "./message.ts"
import type { RawGateway, RequestParts } from "./rawGateway.ts"

export const JSON_FIELDS: Fields = [["Content-Type", "application/json; charset=UTF-8"]]
export const EVENT_FIELDS: Fields = [["Content-Type", "text/event-stream"]]

/** Makes a call whose answer comes in `pieces`; returns the one row that it left. */
export const recordCall = async (
  gateway: RawGateway,
  parts: RequestParts,
  status: string,
  fields: Fields,
  pieces: ReadonlyArray<Uint8Array | string>,
): Promise<Row> => {
  const before = (await gateway.rows()).length
  const { call, arrival } = await gateway.exchange(parts)
  await arrival.beginChunked(status, fields)
  const write = async () => {
    for (const piece of pieces) await arrival.connection.write(chunk(piece))
    await arrival.connection.write(LAST_CHUNK)
  }
  await Promise.all([write(), call.answer().then((answer) => answer.body())])
  call.connection.end()
  const rows = await gateway.rows(before + 1)
  expect(rows.length).toBe(before + 1)
  return rows.at(-1) as Row
}

export const count = (modality: string, tokenCount?: number) => ({ modality, tokenCount })

export const USAGE = {
  promptTokenCount: 100,
  candidatesTokenCount: 20,
  totalTokenCount: 155,
  thoughtsTokenCount: 30,
  cachedContentTokenCount: 40,
  toolUsePromptTokenCount: 5,
  promptTokensDetails: [count("TEXT", 90), count("IMAGE", 10)],
  candidatesTokensDetails: [count("TEXT", 20)],
  cacheTokensDetails: [count("TEXT", 40)],
  toolUsePromptTokensDetails: [count("TEXT", 5)],
  serviceTier: "priority",
}

export const ANSWER = {
  candidates: [{ content: { parts: [{ text: 'say "usageMetadata": {}' }] }, finishReason: "STOP", index: 0 }],
  usageMetadata: USAGE,
  modelVersion: "models/gemini-2.5-flash-001",
  responseId: "r-1",
}

/** The columns of `ANSWER`, but for those that tell one call from another. */
export const FULL_ROW = {
  endpoint: "generateContent",
  model: "gemini-2.5-flash",
  model_version: "gemini-2.5-flash-001",
  status: 200,
  outcome: "complete",
  streamed: false,
  prompt_tokens: 100,
  candidate_tokens: 20,
  total_tokens: 155,
  cached_tokens: 40,
  thoughts_tokens: 30,
  tool_use_tokens: 5,
  usage_details: {
    promptTokensDetails: [count("TEXT", 90), count("IMAGE", 10)],
    candidatesTokensDetails: [count("TEXT", 20)],
    cacheTokensDetails: [count("TEXT", 40)],
    toolUsePromptTokensDetails: [count("TEXT", 5)],
  },
  usage_final: true,
  usage_consistent: true,
  response_id: "r-1",
  finish_reason: "STOP",
  service_tier: "priority",
}

export const NO_COUNTS = {
  prompt_tokens: null,
  candidate_tokens: null,
  total_tokens: null,
  cached_tokens: null,
  thoughts_tokens: null,
  tool_use_tokens: null,
  usage_details: null,
  usage_final: false,
  usage_consistent: null,
}

export const identityOf = ({ id, created_at, api_key_id, latency_ms, ttft_ms }: Row) => ({
  id,
  created_at,
  api_key_id,
  latency_ms,
  ttft_ms,
})

export const uuidTime = (id: string): number => Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)

export const pretty = (value: unknown): string => JSON.stringify(value, null, 2)
export const event = (value: unknown): string => `data: ${JSON.stringify(value)}\r\n\r\n`
