import { describe, expect, test } from "bun:test"
import { Option } from "effect"
import { type Answer, makeAnswerReader } from "../../src/core/exchange.ts"
import { operationOf } from "../../src/core/operation.ts"
import { type Admission, type Ending, type RequestLog, requestLog } from "../../src/core/requestLog.ts"
import { bytesOf } from "../support/chunks.ts"

const admission: Admission = {
  id: "019dabcd-0000-7000-8000-000000000000",
  createdAt: 1_763_700_000_000,
  apiKeyId: "019dabcd-0000-7000-8000-000000000001",
  operation: operationOf("POST", "/v1beta/models/gemini-flash-latest:streamGenerateContent"),
}

const answerTo = (text: string): Option.Option<Answer> => {
  const reader = makeAnswerReader("content")
  reader.push(bytesOf(text))
  return Option.some(reader.answer())
}

const ANSWER = `data: ${JSON.stringify({
  candidates: [{ finishReason: "STOP" }],
  usageMetadata: {
    promptTokenCount: 100,
    candidatesTokenCount: 20,
    thoughtsTokenCount: 30,
    toolUsePromptTokenCount: 5,
    cachedContentTokenCount: 64,
    totalTokenCount: 155,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: 100 }],
    serviceTier: "flex",
  },
  modelVersion: "gemini-3.5-flash",
  responseId: "id-1",
})}\r\n\r\n`

const ending: Ending = {
  status: 200,
  outcome: "complete",
  answer: answerTo(ANSWER),
  serviceTier: "standard",
  latencyMs: 1234.5,
  ttftMs: 56.4,
}

const logOf = (changes: Partial<Ending>): RequestLog =>
  Option.getOrThrow(requestLog(admission, { ...ending, ...changes }))

const noCounts = {
  promptTokens: null,
  candidateTokens: null,
  totalTokens: null,
  cachedTokens: null,
  thoughtsTokens: null,
  toolUseTokens: null,
  usageDetails: null,
  usageFinal: false,
  usageConsistent: null,
}

describe("requestLog()", () => {
  test("has every column of a generation", () => {
    expect(logOf({})).toEqual({
      id: admission.id,
      createdAt: admission.createdAt,
      apiKeyId: admission.apiKeyId,
      endpoint: "streamGenerateContent",
      model: "gemini-flash-latest",
      modelVersion: "gemini-3.5-flash",
      status: 200,
      outcome: "complete",
      streamed: true,
      promptTokens: 100,
      candidateTokens: 20,
      totalTokens: 155,
      cachedTokens: 64,
      thoughtsTokens: 30,
      toolUseTokens: 5,
      usageDetails: { promptTokensDetails: [{ modality: "TEXT", tokenCount: 100 }] },
      usageFinal: true,
      usageConsistent: true,
      latencyMs: 1235,
      ttftMs: 56,
      responseId: "id-1",
      finishReason: "STOP",
      serviceTier: "flex",
    })
  })

  test("is none for what is not a generation", () => {
    const others = [
      operationOf("POST", "/v1beta/models/gemini-2.5-flash:countTokens"),
      operationOf("GET", "/v1beta/models"),
    ]
    for (const operation of others)
      expect(requestLog({ ...admission, operation }, ending)).toEqual(Option.none())
  })

  test.each([[400], [429], [503]])(
    "has a status and no counts when the generation failed with %d",
    (status) => {
      expect(logOf({ status })).toMatchObject({
        ...noCounts,
        status,
        outcome: "complete",
        modelVersion: null,
        responseId: null,
        finishReason: null,
        serviceTier: "standard",
      })
    },
  )

  test("has neither status nor counts when no answer came", () => {
    const log = logOf({
      status: null,
      outcome: "upstream_failed",
      answer: Option.none(),
      ttftMs: null,
      serviceTier: null,
    })
    expect(log).toMatchObject({
      ...noCounts,
      status: null,
      outcome: "upstream_failed",
      ttftMs: null,
      serviceTier: null,
    })
  })

  const outcomes: ReadonlyArray<readonly [string, Partial<Ending>, Partial<RequestLog>]> = [
    ["ended as it should", {}, { outcome: "complete", usageFinal: true }],
    [
      "was cut on the wire",
      { outcome: "upstream_failed" },
      { outcome: "upstream_failed", usageFinal: false },
    ],
    [
      "was left by the client",
      { outcome: "client_aborted" },
      { outcome: "client_aborted", usageFinal: false },
    ],
    ["ended unseen", { outcome: "unknown" }, { outcome: "unknown", usageFinal: false }],
    [
      "stops inside a message",
      { answer: answerTo(`${ANSWER}data: {"candidates":`) },
      { outcome: "upstream_failed", usageFinal: false, totalTokens: 155 },
    ],
    [
      "ends in an error of its own",
      { answer: answerTo(`${ANSWER}{"error":{"code":503}}`) },
      { outcome: "upstream_failed", usageFinal: false, totalTokens: 155 },
    ],
    [
      "was left by the client inside a message",
      { outcome: "client_aborted", answer: answerTo('data: {"candidates":') },
      { outcome: "client_aborted", usageFinal: false },
    ],
    [
      "has no finish reason",
      { answer: answerTo('data: {"usageMetadata":{"promptTokenCount":3}}\n\n') },
      { outcome: "complete", usageFinal: false, promptTokens: 3 },
    ],
  ]
  test.each(outcomes)("says how an answer ended that %s", (_, changes, expected) => {
    expect(logOf(changes)).toMatchObject(expected)
  })

  test("has nulls for counts when the answer reports no usage", () => {
    expect(logOf({ answer: answerTo('data: {"candidates":[{"finishReason":"STOP"}]}\n\n') })).toMatchObject({
      ...noCounts,
      usageFinal: true,
      finishReason: "STOP",
      serviceTier: "standard",
    })
  })

  test("stores a service tier from the headers only as safe text", () => {
    const answer = Option.none<Answer>()
    expect(logOf({ answer, serviceTier: "x".repeat(5000) }).serviceTier).toBe("x".repeat(256))
    expect(logOf({ answer, serviceTier: "" }).serviceTier).toBeNull()
  })

  test("rounds clock readings to whole milliseconds, never below zero", () => {
    expect(logOf({ latencyMs: -3, ttftMs: -0.2 })).toMatchObject({ latencyMs: 0, ttftMs: 0 })
    expect(logOf({ latencyMs: 0.5, ttftMs: 0.4 })).toMatchObject({ latencyMs: 1, ttftMs: 0 })
    expect(logOf({ ttftMs: null }).ttftMs).toBeNull()
  })
})
