/**
 * Folds an answer, chunk by chunk, into what a request log needs of it. The framing (one JSON document, a JSON array,
 * server-sent events) is told from the bytes, because Google labels JSON errors `text/event-stream`.
 * The last usage object wins, whole: counts may shrink, and fields vanish, from one message of a stream to the next.
 */
import { Option } from "effect"
import { makeFieldReader, type Wanted } from "./jsonFields.ts"
import type { Surface } from "./operation.ts"
import { makeSseReader } from "./sse.ts"
import { safeText } from "./text.ts"
import { contentUsage, embeddingUsage, type TokenUsage } from "./usage.ts"

/** What an answer has told so far. */
export interface Answer {
  readonly usage: Option.Option<TokenUsage>
  readonly modelVersion: string | null
  readonly responseId: string | null
  /** The last `finishReason`, or why the prompt was blocked. */
  readonly finishReason: string | null
  /** An `error` object came inside the answer. */
  readonly failed: boolean
  /** The last message closed the answer as Gemini closes one. */
  readonly closed: boolean
  /** The bytes stop inside a document. */
  readonly truncated: boolean
}

export interface AnswerReader {
  /** Reads the next bytes of the (decoded) body. Total, and bounded in memory whatever the bytes. */
  readonly push: (chunk: Uint8Array) => void
  readonly answer: () => Answer
}

const MESSAGE: Wanted = {
  usageMetadata: "usage",
  modelVersion: "modelVersion",
  responseId: "responseId",
  candidates: { "*": { finishReason: "finishReason" } },
  promptFeedback: { blockReason: "blockReason" },
  error: "error",
}

type Framing = "unknown" | "json" | "sse"

export const makeAnswerReader = (surface: Exclude<Surface, "none">): AnswerReader => {
  const readUsage = surface === "embedding" ? embeddingUsage : contentUsage
  let framing: Framing = "unknown"
  let usage: Option.Option<TokenUsage> = Option.none()
  let modelVersion: string | null = null
  let responseId: string | null = null
  let finishReason: string | null = null
  let failed = false
  /** The present message, and then the last one, says why the generation ended. */
  let finished = false
  let lastFinished = false
  let messages = 0

  const fields = makeFieldReader(MESSAGE, {
    onField: (name, value) => {
      switch (name) {
        case "usage":
          usage = readUsage(value)
          break
        case "modelVersion":
          modelVersion = safeText(value)?.replace(/^models\//, "") ?? modelVersion
          break
        case "responseId":
          responseId = safeText(value) ?? responseId
          break
        case "finishReason":
        case "blockReason":
          finishReason = enumeration(value) ?? finishReason
          finished = finished || value !== undefined
          break
        case "error":
          failed = true
      }
    },
    onMessage: () => {
      messages++
      lastFinished = finished
      finished = false
    },
  })

  const events = makeSseReader({
    onData: fields.push,
    onEvent: fields.reset,
    onBareJson: fields.push,
  })

  const push = (chunk: Uint8Array): void => {
    if (framing === "unknown") framing = framingOf(chunk)
    if (framing === "sse") events.push(chunk)
    else if (framing === "json") fields.push(chunk, 0, chunk.length)
  }

  const answer = (): Answer => {
    const truncated = fields.isInside()
    return {
      usage,
      modelVersion,
      responseId,
      finishReason,
      failed,
      closed: !failed && !truncated && messages > 0 && (framing === "json" || lastFinished),
      truncated,
    }
  }
  return { push, answer }
}

/** By the first byte that is not white space; a chunk of white space alone decides nothing. */
const framingOf = (chunk: Uint8Array): Framing => {
  for (const byte of chunk) {
    if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d) continue
    return byte === 0x7b || byte === 0x5b ? "json" : "sse"
  }
  return "unknown"
}

/** An enumeration is a name, or its number when the client asked for `$alt=json;enum-encoding=int`. */
const enumeration = (value: unknown): string | null =>
  safeText(typeof value === "number" ? String(value) : value)
