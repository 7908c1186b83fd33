/** generateContent, streamGenerateContent and countTokens of the stand-in for Gemini: pure, and always the same. */
import { type Answer, unavailable } from "./answer.ts"
import type { Model } from "./models.ts"
import type { CountTokensRequest, GenerateRequest } from "./requests.ts"
import {
  answerWords,
  type CountByModality,
  countPrompt,
  expectedTokens,
  isBlocked,
  isOverloaded,
  sumOf,
  type Tokens,
  tokensAfter,
  wordsOf,
} from "./tokens.ts"

const CHUNKS = 4

/** Gemini never writes a zero: the field is absent. */
export const orAbsent = (count: number): number | undefined => (count === 0 ? undefined : count)

export const tokenDetails = (counts: CountByModality) =>
  [...counts].map(([modality, tokenCount]) => ({ modality, tokenCount }))

export const responseId = (model: string, request: object): string =>
  Bun.hash(JSON.stringify([model, request])).toString(36)

const envelope = (model: Model, request: GenerateRequest, tokens: Tokens) => ({
  usageMetadata: {
    promptTokenCount: orAbsent(tokens.prompt),
    candidatesTokenCount: orAbsent(tokens.candidates),
    totalTokenCount: orAbsent(tokens.total),
    cachedContentTokenCount: orAbsent(tokens.cached),
    promptTokensDetails: tokenDetails(countPrompt(request)),
    cacheTokensDetails: tokens.cached > 0 ? [{ modality: "TEXT", tokenCount: tokens.cached }] : undefined,
    toolUsePromptTokenCount: orAbsent(tokens.toolUse),
    thoughtsTokenCount: orAbsent(tokens.thoughts),
    serviceTier: "standard",
  },
  modelVersion: model.version,
  responseId: responseId(model.name, request),
})

const candidate = (text: string, finishReason?: string) => ({
  content: { parts: [{ text }], role: "model" },
  finishReason,
  index: 0,
})

const finishReason = (request: GenerateRequest): string =>
  answerWords(request).length === request.generationConfig?.maxOutputTokens ? "MAX_TOKENS" : "STOP"

const blocked = (model: Model, request: GenerateRequest) => ({
  promptFeedback: { blockReason: "SAFETY" },
  ...envelope(model, request, expectedTokens(model.name, request)),
})

export const generateContent = (model: Model, request: GenerateRequest): Answer => {
  if (isBlocked(request)) return { kind: "body", body: blocked(model, request) }
  if (isOverloaded(request)) return unavailable
  const body = {
    candidates: [candidate(answerWords(request).join(" "), finishReason(request))],
    ...envelope(model, request, expectedTokens(model.name, request)),
  }
  return { kind: "body", body }
}

/** The pieces that a streamed answer comes in; they join to the answer. */
export const answerPieces = (request: GenerateRequest): ReadonlyArray<string> => {
  const words = answerWords(request)
  const size = Math.ceil(words.length / CHUNKS)
  const pieces: Array<string> = []
  for (let start = 0; start < words.length; start += size) {
    pieces.push((start === 0 ? "" : " ") + words.slice(start, start + size).join(" "))
  }
  return pieces
}

export const streamGenerateContent = (model: Model, request: GenerateRequest): Answer => {
  if (isBlocked(request)) return { kind: "chunks", chunks: [blocked(model, request)] }
  const pieces = answerPieces(request)
  const last = pieces.length - 1
  const chunks = pieces.map((piece, index) => {
    // As in Gemini's streams, the first of several chunks does not count its own candidate yet.
    const counted = index === 0 && last > 0 ? [] : wordsOf(pieces.slice(0, index + 1).join(""))
    return {
      candidates: [candidate(piece, index === last ? finishReason(request) : undefined)],
      ...envelope(model, request, tokensAfter(model.name, request, counted.length)),
    }
  })
  if (!isOverloaded(request)) return { kind: "chunks", chunks }
  return { kind: "chunks", chunks: chunks.slice(0, CHUNKS / 2), breaksWith: unavailable }
}

export const countTokens = (request: CountTokensRequest): Answer => {
  const counts = countPrompt("contents" in request ? request : request.generateContentRequest)
  return { kind: "body", body: { totalTokens: sumOf(counts), promptTokensDetails: tokenDetails(counts) } }
}
