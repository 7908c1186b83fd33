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

const SURFACES: ReadonlyMap<string, Surface> = new Map([
  ["generateContent", "content"],
  ["streamGenerateContent", "content"],
  ["embedContent", "embedding"],
  ["batchEmbedContents", "embedding"],
])

const OTHER: Operation = { name: "other", surface: "none", model: null, streamed: false }

/** `/v1beta/models/gemini-2.5-flash:generateContent` */
const MODEL_METHOD = /^\/v1[a-z0-9]*\/(models|tunedModels|dynamic)\/(.+):([A-Za-z]+)$/s

export const isMetered = (operation: Operation): boolean => operation.surface !== "none"

/** Total: any method and any path has an answer. `path` is as received, percent-encoding and all, without the query. */
export const operationOf = (method: string, path: string): Operation => {
  if (method !== "POST") return OTHER
  const [, collection, id, name] = MODEL_METHOD.exec(decode(path)) ?? []
  if (collection === undefined || id === undefined || name === undefined) return OTHER
  return {
    name,
    surface: SURFACES.get(name) ?? "none",
    model: safeText(collection === "models" ? id : `${collection}/${id}`),
    streamed: name === "streamGenerateContent",
  }
}

/** RFC 3986, 6.2.2.2: `%67enerateContent` is `generateContent`, and the upstream may take it for that. */
const decode = (path: string): string => {
  if (!path.includes("%")) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
