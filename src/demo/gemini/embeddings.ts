/** embedContent and batchEmbedContents of the stand-in for Gemini: pure, and always the same. */
import type { Answer } from "./answer.ts"
import { orAbsent, tokenDetails } from "./generations.ts"
import type { Model } from "./models.ts"
import type { BatchEmbedRequest, EmbedRequest } from "./requests.ts"
import { countParts, partsOf, sumOf, textOf } from "./tokens.ts"

const DIMENSIONS = 768

/** A vector of unit length that depends on nothing but the text. */
export const vectorOf = (text: string, dimensions = DIMENSIONS): ReadonlyArray<number> => {
  const seed = Number(Bun.hash(text) % 10_000n)
  const values = Array.from({ length: dimensions }, (_, index) => Math.sin(seed + index * index))
  const norm = Math.hypot(...values)
  return values.map((value) => Number((value / norm).toFixed(8)))
}

const embedding = ({ content, outputDimensionality }: EmbedRequest) => ({
  values: vectorOf(textOf(partsOf([content])), outputDimensionality),
})

const usageOf = (model: Model, requests: ReadonlyArray<EmbedRequest>) => {
  if (!model.reportsUsage) return undefined
  const counts = countParts(partsOf(requests.map(({ content }) => content)))
  // Embeddings spell it promptTokenDetails where generations have promptTokensDetails.
  return { promptTokenCount: orAbsent(sumOf(counts)), promptTokenDetails: tokenDetails(counts) }
}

export const embedContent = (model: Model, request: EmbedRequest): Answer => ({
  kind: "body",
  body: { embedding: embedding(request), usageMetadata: usageOf(model, [request]) },
})

export const batchEmbedContents = (model: Model, { requests }: BatchEmbedRequest): Answer => ({
  kind: "body",
  body: { embeddings: requests.map(embedding), usageMetadata: usageOf(model, requests) },
})
