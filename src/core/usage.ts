/**
 * The usage object of each surface, an unknown JSON value, read field by field into token counts.
 * Total: a field that makes no sense becomes unknown (null), and never spoils its neighbours.
 */
import { Option } from "effect"
import { safeText } from "./text.ts"

/** Token counts as reported. Null: the answer reported something that is no count. */
export interface TokenUsage {
  readonly promptTokens: number | null
  readonly candidateTokens: number | null
  readonly totalTokens: number | null
  /** A part of `promptTokens`. */
  readonly cachedTokens: number | null
  /** Not a part of `candidateTokens`. */
  readonly thoughtsTokens: number | null
  readonly toolUseTokens: number | null
  /** Counts by modality, under the names that Gemini reports them by. */
  readonly details: Readonly<Record<string, ReadonlyArray<ModalityCount>>> | null
  readonly serviceTier: string | null
  /** total = prompt + candidates + thoughts + tool use, by the numbers reported. */
  readonly consistent: boolean
}

export interface ModalityCount {
  readonly modality: string | number | null
  readonly tokenCount: number | null
}

/** Upper end of PostgreSQL's `integer`, the type of every count column (and of Gemini's int32). */
const INT32_MAX = 2_147_483_647

/**
 * `GenerateContentResponse.usageMetadata`. Gemini never writes a zero: an absent count is 0, except that calls with
 * media by URL omit `promptTokenCount` while the total includes it, so a missing prompt is what the total leaves over.
 */
export const contentUsage = (value: unknown): Option.Option<TokenUsage> => {
  if (!isRecord(value)) return Option.none()
  const candidateTokens = count(value.candidatesTokenCount)
  const totalTokens = count(value.totalTokenCount)
  const thoughtsTokens = count(value.thoughtsTokenCount)
  const toolUseTokens = count(value.toolUsePromptTokenCount)
  const rest = difference(totalTokens, [candidateTokens, thoughtsTokens, toolUseTokens])
  const derived = rest === null ? null : Math.max(rest, 0)
  const promptTokens = isAbsent(value.promptTokenCount) ? derived : count(value.promptTokenCount)
  return Option.some({
    promptTokens,
    candidateTokens,
    totalTokens,
    cachedTokens: count(value.cachedContentTokenCount),
    thoughtsTokens,
    toolUseTokens,
    details: details(value, CONTENT_DETAILS),
    serviceTier: safeText(value.serviceTier),
    consistent: rest !== null && rest === promptTokens,
  })
}

/** `EmbeddingUsageMetadata`: the prompt is all there is, and the type has no total, so the total is the prompt. */
export const embeddingUsage = (value: unknown): Option.Option<TokenUsage> => {
  if (!isRecord(value)) return Option.none()
  const promptTokens = count(value.promptTokenCount)
  const totalTokens = isAbsent(value.totalTokenCount) ? promptTokens : count(value.totalTokenCount)
  return Option.some({
    promptTokens,
    candidateTokens: 0,
    totalTokens,
    cachedTokens: 0,
    thoughtsTokens: 0,
    toolUseTokens: 0,
    details: details(value, EMBEDDING_DETAILS),
    serviceTier: safeText(value.serviceTier),
    consistent: promptTokens !== null && totalTokens === promptTokens,
  })
}

const CONTENT_DETAILS = [
  "promptTokensDetails",
  "candidatesTokensDetails",
  "cacheTokensDetails",
  "toolUsePromptTokensDetails",
] as const

/** `promptTokenDetails` is the Gemini API's spelling for embeddings, `promptTokensDetails` Vertex AI's. */
const EMBEDDING_DETAILS = ["promptTokenDetails", "promptTokensDetails"] as const

/** Modalities known are six; more entries than this are not a breakdown of one answer. */
const MAX_MODALITIES = 32

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** In the JSON of protocol buffers a null says what an absent field says. */
const isAbsent = (value: unknown): boolean => value === undefined || value === null

/** A count is a whole number that fits its column; int64 fields arrive as decimal strings (proto3 JSON mapping). */
const count = (value: unknown): number | null => {
  if (isAbsent(value)) return 0
  const number = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value
  if (typeof number !== "number" || !Number.isInteger(number)) return null
  // `-0` is JSON too.
  return number >= 0 && number <= INT32_MAX ? Math.abs(number) : null
}

/** What `total` leaves over after `parts`, negative when they do not fit in; null when any is unknown. */
const difference = (total: number | null, parts: ReadonlyArray<number | null>): number | null => {
  let rest = total
  for (const part of parts) rest = rest === null || part === null ? null : rest - part
  return rest
}

/** Rebuilt entry by entry, so that nothing but modalities and counts can reach a row. */
const details = (
  usage: Readonly<Record<string, unknown>>,
  names: ReadonlyArray<string>,
): TokenUsage["details"] => {
  const kept: Record<string, ReadonlyArray<ModalityCount>> = {}
  for (const name of names) {
    const entries = usage[name]
    if (Array.isArray(entries))
      kept[name] = entries.slice(0, MAX_MODALITIES).filter(isRecord).map(modalityCount)
  }
  return Object.keys(kept).length === 0 ? null : kept
}

const modalityCount = (entry: Readonly<Record<string, unknown>>): ModalityCount => ({
  // An integer when the client asked for `$alt=json;enum-encoding=int`.
  modality: typeof entry.modality === "number" ? count(entry.modality) : safeText(entry.modality),
  tokenCount: count(entry.tokenCount),
})
