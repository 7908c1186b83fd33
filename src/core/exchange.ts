/**
 * Folds an answer, chunk by chunk, into what a request log needs of it. The framing (one JSON document, a JSON array,
 * server-sent events) is told from the bytes, because Google labels JSON errors `text/event-stream`.
 * The last usage object wins, whole: counts may shrink, and fields vanish, from one message of a stream to the next.
 */
import { Option } from "effect"
import { equals, parseJson } from "./jsonBytes.ts"
import { makeFieldReader } from "./jsonFields.ts"
import type { Surface } from "./operation.ts"
import { makeSseReader } from "./sse.ts"
import { safeText } from "./text.ts"
import { contentUsage, embeddingUsage, type TokenUsage } from "./usage.ts"
import { documentOf } from "./wantedFields.ts"

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

const DOCUMENT = documentOf({
  usageMetadata: "usage",
  modelVersion: "modelVersion",
  responseId: "responseId",
  candidates: { "*": { finishReason: "finishReason" } },
  promptFeedback: { blockReason: "finishReason" },
  error: "error",
})

type Framing = "unknown" | "json" | "sse"

export const makeAnswerReader = (surface: Exclude<Surface, "none">): AnswerReader => {
  const readUsage = surface === "embedding" ? embeddingUsage : contentUsage
  let framing: Framing = "unknown"
  /** The JSON that each field had last: what a later message of a stream says anew is never parsed. */
  let usage: Uint8Array | null = null
  let modelVersion: Uint8Array | null = null
  let responseId: Uint8Array | null = null
  let finishReason: Uint8Array | null = null
  let failed = false
  /** The present message, and then the last one, says why the generation ended. */
  let finished = false
  let lastFinished = false
  let messages = 0

  const fields = makeFieldReader(DOCUMENT, {
    onField: (name, bytes, from, to) => {
      switch (name) {
        case "usage":
          usage = bytes.slice(from, to)
          break
        case "modelVersion":
          modelVersion = kept(modelVersion, bytes, from, to)
          break
        case "responseId":
          responseId = kept(responseId, bytes, from, to)
          break
        case "finishReason":
          finishReason = bytes.slice(from, to)
          finished = true
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
    onBareJson: fields.push,
    onEvent: () => {
      // An event that stops inside its document may have been the one to close the answer.
      if (fields.isInside()) lastFinished = false
      finished = false
      fields.reset()
    },
  })

  const push = (chunk: Uint8Array): void => {
    if (framing === "unknown") framing = framingOf(chunk)
    if (framing === "json") fields.push(chunk, 0, chunk.length)
    else events.push(chunk)
  }

  const answer = (): Answer => {
    const truncated = fields.isInside()
    return {
      usage: usage === null ? Option.none() : readUsage(parseJson(usage)),
      modelVersion: safeText(text(modelVersion)?.replace(/^models\//, "")),
      responseId: text(responseId),
      finishReason: text(finishReason),
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

/** A copy of the bytes, unless they say what was said before: most fields of a stream are the same in every message. */
const kept = (before: Uint8Array | null, bytes: Uint8Array, from: number, to: number): Uint8Array =>
  before !== null && equals(before, bytes, from, to) ? before : bytes.slice(from, to)

/** An enumeration is a name, or its number when the client asked for `$alt=json;enum-encoding=int`. */
const text = (json: Uint8Array | null): string | null => {
  if (json === null) return null
  const value = parseJson(json)
  return safeText(typeof value === "number" ? String(value) : value)
}
