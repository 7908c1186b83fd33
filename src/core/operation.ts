/**
 * What a request asks of Gemini, told from its method and path alone: which operation, which model, whether its answer
 * reports usage and in which shape. Knows no headers, no bodies and no query.
 */
import { safeText } from "./text.ts"

/** The shape in which an answer reports usage; `none` for everything that is not a generation. */
export type Surface = "content" | "embedding" | "none"

export interface Operation {
  /** The `endpoint` column: Gemini's own method name, or `other`. */
  readonly name: string
  readonly surface: Surface
  /** As asked for, without `models/`. */
  readonly model: string | null
  /** The answer is a stream of messages (SSE or a JSON array). */
  readonly streamed: boolean
}

const SURFACES: Readonly<Record<string, Surface>> = {
  generateContent: "content",
  streamGenerateContent: "content",
  embedContent: "embedding",
  batchEmbedContents: "embedding",
}

const OTHER: Operation = { name: "other", surface: "none", model: null, streamed: false }

/** `/v1beta/models/gemini-2.5-flash:generateContent`; the colon may come percent-encoded. */
const MODEL_METHOD = /^\/v1[a-z0-9]*\/(models|tunedModels|dynamic)\/([^/]+?)(?::|%3[Aa])([A-Za-z]+)$/

export const isMetered = (operation: Operation): boolean => operation.surface !== "none"

/** Total: any method and any path has an answer. `path` is as received, percent-encoding and all, without the query. */
export const operationOf = (method: string, path: string): Operation => {
  if (method !== "POST") return OTHER
  const [, collection, id, name] = MODEL_METHOD.exec(path) ?? []
  if (collection === undefined || id === undefined || name === undefined) return OTHER
  const decoded = decode(id)
  return {
    name,
    surface: SURFACES[name] ?? "none",
    model: safeText(collection === "models" ? decoded : `${collection}/${decoded}`),
    streamed: name === "streamGenerateContent",
  }
}

const decode = (segment: string): string => {
  if (!segment.includes("%")) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
