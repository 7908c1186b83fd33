/** The OpenAI-compatible chat completions and embeddings of the stand-in for Gemini: pure, and always the same. */
import { type Answer, unavailable, unknownModel } from "./answer.ts"
import { vectorOf } from "./embeddings.ts"
import { answerPieces, responseId } from "./generations.ts"
import { findModel, UNAVAILABLE_MODEL } from "./models.ts"
import type { ChatMessage, ChatRequest, GenerateRequest, OpenAiEmbeddingsRequest } from "./requests.ts"
import { answerWords, expectedTokens, isOverloaded } from "./tokens.ts"

/** A fixed date, so that the same request gets the same answer. */
const CREATED = Date.UTC(2026, 0, 1) / 1000

const bareName = (model: string): string => model.replace(/^models\//, "")

const partsOf = ({ content }: ChatMessage) =>
  typeof content === "string" ? [{ text: content }] : content.map(({ text }) => ({ text }))

/** The Gemini request that a chat stands for. */
const toGenerateRequest = ({ messages }: ChatRequest): GenerateRequest => ({
  systemInstruction: { parts: messages.filter(({ role }) => role === "system").flatMap(partsOf) },
  contents: messages.filter(({ role }) => role !== "system").map((message) => ({ parts: partsOf(message) })),
})

/** Thoughts count in the total alone, as with Gemini. */
const usageOf = (model: string, request: GenerateRequest) => {
  const tokens = expectedTokens(model, request)
  return { completion_tokens: tokens.candidates, prompt_tokens: tokens.prompt, total_tokens: tokens.total }
}

const streamChunks = (common: object, request: GenerateRequest, usage: object): ReadonlyArray<object> => {
  const pieces = answerPieces(request)
  return pieces.map((content, index) => {
    const isLast = index === pieces.length - 1
    const choice = {
      delta: { content, role: "assistant" },
      finish_reason: isLast ? "stop" : undefined,
      index: 0,
    }
    return {
      choices: [choice],
      ...common,
      object: "chat.completion.chunk",
      usage: isLast ? usage : undefined,
    }
  })
}

export const chatCompletion = (chat: ChatRequest): Answer => {
  const name = bareName(chat.model)
  if (findModel(name)?.kind !== "text") return unknownModel(name, "generateContent")
  const request = toGenerateRequest(chat)
  if (name === UNAVAILABLE_MODEL || isOverloaded(request)) return unavailable
  const common = { created: CREATED, id: responseId(name, request), model: chat.model }
  const usage = usageOf(name, request)
  if (chat.stream) return { kind: "chunks", chunks: streamChunks(common, request, usage) }
  const message = { content: answerWords(request).join(" "), role: "assistant" }
  const choice = { finish_reason: "stop", index: 0, message }
  return { kind: "body", body: { choices: [choice], ...common, object: "chat.completion", usage } }
}

/** OpenAI's SDK asks for base64, which is the little-endian float32 values. */
const encode = (vector: ReadonlyArray<number>, format: string | undefined) =>
  format === "base64" ? Buffer.from(Float32Array.from(vector).buffer).toString("base64") : vector

/** Without a usage object, as with Gemini. */
export const openAiEmbeddings = (request: OpenAiEmbeddingsRequest): Answer => {
  const name = bareName(request.model)
  if (findModel(name)?.kind !== "embedding") return unknownModel(name, "embedContent")
  const texts = typeof request.input === "string" ? [request.input] : request.input
  const data = texts.map((text, index) => ({
    embedding: encode(vectorOf(text), request.encoding_format),
    index,
    object: "embedding",
  }))
  return { kind: "body", body: { data, model: request.model, object: "list" } }
}
