/**
 * The request log: the row that an exchange leaves in `request_logs`, and the one place where it is built.
 * Holds no prompt, answer, header, URL, address or key: there is no field to put one in.
 */
import { Option } from "effect"
import type { Answer } from "./exchange.ts"
import { isMetered, type Operation } from "./operation.ts"
import { safeText } from "./text.ts"

/** How an exchange ended. `unknown` is for the one whose ending nobody saw. */
export type Outcome = "complete" | "client_aborted" | "upstream_failed" | "unknown"

/** One row of `request_logs`; the fields are its columns, in their order. */
export interface RequestLog {
  /** UUIDv7, minted once at admission: what makes recording exactly-once. */
  readonly id: string
  /** Milliseconds since the epoch, the id's own time. */
  readonly createdAt: number
  readonly apiKeyId: string
  readonly endpoint: string
  readonly model: string | null
  readonly modelVersion: string | null
  /** HTTP status of the answer; null when none came. */
  readonly status: number | null
  readonly outcome: Outcome
  readonly streamed: boolean
  readonly promptTokens: number | null
  readonly candidateTokens: number | null
  readonly totalTokens: number | null
  readonly cachedTokens: number | null
  readonly thoughtsTokens: number | null
  readonly toolUseTokens: number | null
  readonly usageDetails: Readonly<Record<string, unknown>> | null
  readonly usageFinal: boolean
  readonly usageConsistent: boolean | null
  /** Milliseconds from admission to the last byte. */
  readonly latencyMs: number
  /** Milliseconds from admission to the first body byte; null when there was none. */
  readonly ttftMs: number | null
  readonly responseId: string | null
  readonly finishReason: string | null
  readonly serviceTier: string | null
}

/** What is known of an exchange when it is admitted. */
export interface Admission {
  readonly id: string
  readonly createdAt: number
  readonly apiKeyId: string
  readonly operation: Operation
}

/** What is known of an exchange when it has ended. Clock readings are milliseconds since admission. */
export interface Ending {
  readonly status: number | null
  /** How the body ended on the wire, before its bytes are considered. */
  readonly outcome: Outcome
  readonly answer: Option.Option<Answer>
  readonly serviceTier: string | null
  readonly latencyMs: number
  readonly ttftMs: number | null
}

/** The request log of an exchange, or none when it was not a generation. A failed generation has a status and no counts. */
export const requestLog = (admission: Admission, ending: Ending): Option.Option<RequestLog> => {
  if (!isMetered(admission.operation)) return Option.none()
  const answer = isSuccess(ending.status) ? Option.getOrNull(ending.answer) : null
  const usage = answer === null ? null : Option.getOrNull(answer.usage)
  const outcome = ending.outcome === "complete" && isBroken(answer) ? "upstream_failed" : ending.outcome
  return Option.some({
    id: admission.id,
    createdAt: admission.createdAt,
    apiKeyId: admission.apiKeyId,
    endpoint: admission.operation.name,
    model: admission.operation.model,
    modelVersion: answer?.modelVersion ?? null,
    status: ending.status,
    outcome,
    streamed: admission.operation.streamed,
    promptTokens: usage?.promptTokens ?? null,
    candidateTokens: usage?.candidateTokens ?? null,
    totalTokens: usage?.totalTokens ?? null,
    cachedTokens: usage?.cachedTokens ?? null,
    thoughtsTokens: usage?.thoughtsTokens ?? null,
    toolUseTokens: usage?.toolUseTokens ?? null,
    usageDetails: usage?.details ?? null,
    usageFinal: outcome === "complete" && answer !== null && answer.closed,
    usageConsistent: usage?.consistent ?? null,
    latencyMs: wholeMillis(ending.latencyMs),
    ttftMs: ending.ttftMs === null ? null : wholeMillis(ending.ttftMs),
    responseId: answer?.responseId ?? null,
    finishReason: answer?.finishReason ?? null,
    serviceTier: usage?.serviceTier ?? safeText(ending.serviceTier),
  })
}

const isSuccess = (status: number | null): boolean => status !== null && status < 400

/** The connection ended well, but the answer did not: it stops inside a document, or says itself that it failed. */
const isBroken = (answer: Answer | null): boolean => answer !== null && (answer.truncated || answer.failed)

const wholeMillis = (millis: number): number => Math.max(0, Math.round(millis))
