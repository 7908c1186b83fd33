/** Request logs made up for tests. */
import type { RequestLog } from "../../src/core/requestLog.ts"

/** A complete generation just now, with a new id; `fields` replace what a test is about. */
export const makeRequestLog = (fields: Partial<RequestLog> = {}): RequestLog => {
  const createdAt = Date.now()
  return {
    id: Bun.randomUUIDv7("hex", createdAt),
    createdAt,
    apiKeyId: "0190a0b0-0000-7000-8000-000000000001",
    endpoint: "generateContent",
    model: "gemini-2.5-flash",
    modelVersion: "gemini-2.5-flash-001",
    status: 200,
    outcome: "complete",
    streamed: false,
    promptTokens: 7,
    candidateTokens: 5,
    totalTokens: 15,
    cachedTokens: 2,
    thoughtsTokens: 3,
    toolUseTokens: 0,
    usageDetails: null,
    usageFinal: true,
    usageConsistent: true,
    latencyMs: 120,
    ttftMs: 80,
    responseId: "abc",
    finishReason: "STOP",
    serviceTier: "standard",
    ...fields,
  }
}
