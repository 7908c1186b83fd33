/**
 * The parts of a request body that the stand-in for Gemini looks at, as schemas; whatever else a client sends
 * is accepted and ignored. What they cost is in tokens.ts.
 */
import { Schema } from "effect"

const MAX_DIMENSIONS = 3072

const Positive = Schema.Int.check(Schema.isGreaterThan(0))

const Media = Schema.Struct({ mimeType: Schema.optional(Schema.String) })

const Part = Schema.Struct({
  text: Schema.optional(Schema.String),
  inlineData: Schema.optional(Media),
  fileData: Schema.optional(Media),
})
export type Part = typeof Part.Type

const Content = Schema.Struct({ parts: Schema.optional(Schema.Array(Part)) })
export type Content = typeof Content.Type

export const GenerateRequest = Schema.Struct({
  contents: Schema.Array(Content),
  systemInstruction: Schema.optional(Content),
  cachedContent: Schema.optional(Schema.String),
  tools: Schema.optional(Schema.Array(Schema.Struct({ googleSearch: Schema.optional(Schema.Unknown) }))),
  generationConfig: Schema.optional(Schema.Struct({ maxOutputTokens: Schema.optional(Positive) })),
})
export type GenerateRequest = typeof GenerateRequest.Type

export const CountTokensRequest = Schema.Union([
  GenerateRequest,
  Schema.Struct({ generateContentRequest: GenerateRequest }),
])
export type CountTokensRequest = typeof CountTokensRequest.Type

export const EmbedRequest = Schema.Struct({
  content: Content,
  outputDimensionality: Schema.optional(Positive.check(Schema.isLessThanOrEqualTo(MAX_DIMENSIONS))),
})
export type EmbedRequest = typeof EmbedRequest.Type

export const BatchEmbedRequest = Schema.Struct({ requests: Schema.Array(EmbedRequest) })
export type BatchEmbedRequest = typeof BatchEmbedRequest.Type

const ChatMessage = Schema.Struct({
  role: Schema.String,
  content: Schema.Union([
    Schema.String,
    Schema.Array(Schema.Struct({ text: Schema.optional(Schema.String) })),
  ]),
})
export type ChatMessage = typeof ChatMessage.Type

export const ChatRequest = Schema.Struct({
  model: Schema.String,
  messages: Schema.Array(ChatMessage),
  stream: Schema.optional(Schema.Boolean),
})
export type ChatRequest = typeof ChatRequest.Type

export const OpenAiEmbeddingsRequest = Schema.Struct({
  model: Schema.String,
  input: Schema.Union([Schema.String, Schema.Array(Schema.String)]),
  encoding_format: Schema.optional(Schema.Literals(["float", "base64"])),
})
export type OpenAiEmbeddingsRequest = typeof OpenAiEmbeddingsRequest.Type
