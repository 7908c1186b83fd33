/**
 * How the stand-in for Gemini counts: a token is a word, so a caller can tell every count beforehand.
 * Pure; what the answers say besides the counts lives in generations.ts.
 */
import { findModel } from "./models.ts"
import type { Content, GenerateRequest, Part } from "./requests.ts"

export interface Tokens {
  readonly prompt: number
  readonly candidates: number
  readonly thoughts: number
  readonly toolUse: number
  readonly cached: number
  readonly total: number
}

export type CountByModality = ReadonlyMap<string, number>

/** A prompt with this word in it is blocked. */
export const BLOCKED = "[blocked]"
/** A prompt with this word in it finds the model overloaded: at once, or in the middle of a stream. */
export const OVERLOADED = "[overloaded]"

const MEDIA_TOKENS = 258
const CACHED_TOKENS = 1_000
const SEARCH_TOKENS = 25
const THOUGHTS_PER_PROMPT_TOKEN = 3
/** Keeps the answer small, however long the prompt is. */
const ECHOED_WORDS = 100

export const wordsOf = (text: string): ReadonlyArray<string> => text.match(/\S+/g) ?? []

const GREETING = wordsOf("This is the built-in stand-in, not Gemini. You wrote:")

const MODALITIES = new Map([
  ["image", "IMAGE"],
  ["audio", "AUDIO"],
  ["video", "VIDEO"],
])

const modalityOf = (mimeType = ""): string => MODALITIES.get(mimeType.split("/")[0] ?? "") ?? "DOCUMENT"

export const partsOf = (contents: ReadonlyArray<Content | undefined>): ReadonlyArray<Part> =>
  contents.flatMap((content) => content?.parts ?? [])

export const textOf = (parts: ReadonlyArray<Part>): string => parts.map(({ text }) => text ?? "").join(" ")

export const countParts = (parts: ReadonlyArray<Part>): CountByModality => {
  const counts = new Map<string, number>()
  const add = (modality: string, tokens: number) => {
    if (tokens > 0) counts.set(modality, (counts.get(modality) ?? 0) + tokens)
  }
  for (const { text, inlineData, fileData } of parts) {
    add("TEXT", wordsOf(text ?? "").length)
    if (inlineData !== undefined) add(modalityOf(inlineData.mimeType), MEDIA_TOKENS)
    if (fileData !== undefined) add(modalityOf(fileData.mimeType), MEDIA_TOKENS)
  }
  return counts
}

export const sumOf = (counts: CountByModality): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0)

const promptParts = (request: GenerateRequest): ReadonlyArray<Part> =>
  partsOf([request.systemInstruction, ...request.contents])

/** A cache is a part of the prompt, as with Gemini. */
export const countPrompt = (request: GenerateRequest): CountByModality => {
  const counts = countParts(promptParts(request))
  if (request.cachedContent === undefined) return counts
  return new Map([...counts, ["TEXT", (counts.get("TEXT") ?? 0) + CACHED_TOKENS]])
}

export const isBlocked = (request: GenerateRequest): boolean => textOf(promptParts(request)).includes(BLOCKED)

export const isOverloaded = (request: GenerateRequest): boolean =>
  textOf(promptParts(request)).includes(OVERLOADED)

export const answerWords = (request: GenerateRequest): ReadonlyArray<string> => {
  if (isBlocked(request)) return []
  const prompt = wordsOf(textOf(partsOf(request.contents)))
  return [...GREETING, ...prompt.slice(0, ECHOED_WORDS)].slice(0, request.generationConfig?.maxOutputTokens)
}

/** The counts once the answer has come as far as `candidates` words. */
export const tokensAfter = (model: string, request: GenerateRequest, candidates: number): Tokens => {
  const prompt = sumOf(countPrompt(request))
  const answered = !isBlocked(request)
  const thoughts = answered && findModel(model)?.thinks ? prompt * THOUGHTS_PER_PROMPT_TOKEN : 0
  const searches = request.tools?.some(({ googleSearch }) => googleSearch !== undefined)
  const toolUse = answered && searches ? SEARCH_TOKENS : 0
  const cached = request.cachedContent === undefined ? 0 : CACHED_TOKENS
  return { prompt, candidates, thoughts, toolUse, cached, total: prompt + candidates + thoughts + toolUse }
}

/** The truth that a meter must find: what the last usage object of a complete answer reports. */
export const expectedTokens = (model: string, request: GenerateRequest): Tokens =>
  tokensAfter(model, request, answerWords(request).length)
