/**
 * A stand-in for the Gemini API on 127.0.0.1, for `demo`, tests and benchmarks: checks the key, finds the operation and
 * answers as generativelanguage.googleapis.com does on the wire. What it answers lives in gemini/.
 */
import {
  type Answer,
  answerDecoded,
  badKey,
  failure,
  missingKey,
  unavailable,
  unknownModel,
  unknownPath,
} from "./gemini/answer.ts"
import { batchEmbedContents, embedContent } from "./gemini/embeddings.ts"
import { type FileStore, makeFileStore } from "./gemini/files.ts"
import { type Framing, sendAnswer } from "./gemini/framing.ts"
import { countTokens, generateContent, streamGenerateContent } from "./gemini/generations.ts"
import { describeModel, describeModels, findModel, supports, UNAVAILABLE_MODEL } from "./gemini/models.ts"
import { chatCompletion, openAiEmbeddings } from "./gemini/openAi.ts"
import {
  BatchEmbedRequest,
  ChatRequest,
  CountTokensRequest,
  EmbedRequest,
  GenerateRequest,
  OpenAiEmbeddingsRequest,
} from "./gemini/requests.ts"

export interface StandInOptions {
  /** 0, the default, picks a free one. */
  readonly port?: number
  /** The one key that is accepted. */
  readonly apiKey?: string
  /** Between two chunks of a stream. */
  readonly pauseMillis?: number
  /** Sees every request as it arrives; must not read its body. */
  readonly onRequest?: (request: Request) => void
}

export interface StandIn {
  /** The origin, without a slash at the end. */
  readonly url: string
  readonly apiKey: string
  readonly stop: () => Promise<void>
}

const API_VERSIONS = /^\/(?:v1|v1beta|v1alpha)\/(.+)$/

const keyOf = (request: Request, url: URL): string | undefined =>
  request.headers.get("x-goog-api-key") ??
  url.searchParams.get("key") ??
  request.headers.get("authorization")?.replace(/^Bearer /i, "")

const framingOf = (url: URL): Framing => {
  if (url.pathname.includes("/openai/")) return "openai"
  if (!url.pathname.endsWith(":streamGenerateContent")) return "json"
  return url.searchParams.get("alt") === "sse" ? "sse" : "array"
}

/** The answer of `POST models/{modelName}:{method}`. */
const answerModel = (modelName: string, method: string, body: unknown): Answer => {
  const model = findModel(modelName)
  if (model === undefined || !supports(model, method)) return unknownModel(modelName, method)
  if (modelName === UNAVAILABLE_MODEL) return unavailable
  switch (method) {
    case "generateContent":
      return answerDecoded(GenerateRequest, body, (request) => generateContent(model, request))
    case "streamGenerateContent":
      return answerDecoded(GenerateRequest, body, (request) => streamGenerateContent(model, request))
    case "embedContent":
      return answerDecoded(EmbedRequest, body, (request) => embedContent(model, request))
    case "batchEmbedContents":
      return answerDecoded(BatchEmbedRequest, body, (request) => batchEmbedContents(model, request))
    default:
      return answerDecoded(CountTokensRequest, body, countTokens)
  }
}

const answerPost = async (path: string, request: Request): Promise<Answer> => {
  const body: unknown = await request.json().catch(() => undefined)
  if (body === undefined) return failure(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
  if (path === "openai/chat/completions") return answerDecoded(ChatRequest, body, chatCompletion)
  if (path === "openai/embeddings") return answerDecoded(OpenAiEmbeddingsRequest, body, openAiEmbeddings)
  const [, model, method] = /^models\/([^/:]+):(\w+)$/.exec(path) ?? []
  return model === undefined || method === undefined ? unknownPath : answerModel(model, method, body)
}

const answerPath = async (path: string, request: Request, files: FileStore): Promise<Answer> => {
  if (path === "files") return files.answer(request.method, undefined)
  if (path.startsWith("files/")) return files.answer(request.method, path)
  if (request.method === "POST") return answerPost(path, request)
  if (path === "models") return { kind: "body", body: describeModels() }
  const name = path.replace(/^models\//, "")
  const model = findModel(name)
  return model === undefined ? unknownModel(name, "getModel") : { kind: "body", body: describeModel(model) }
}

export const startStandIn = (options: StandInOptions = {}): StandIn => {
  const { port = 0, apiKey = "stand-in-key", pauseMillis = 25, onRequest } = options
  const files = makeFileStore()

  const answer = async (request: Request, url: URL): Promise<Response | Answer> => {
    const key = keyOf(request, url)
    if (key === undefined) return missingKey
    if (key !== apiKey) return badKey
    if (/^\/upload\/v1\w*\/files$/.test(url.pathname)) return files.upload(request, server.url.origin)
    const path = API_VERSIONS.exec(url.pathname)?.[1]
    return path === undefined ? unknownPath : answerPath(path, request, files)
  }

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    fetch: async (request) => {
      onRequest?.(request)
      const url = new URL(request.url)
      const found = await answer(request, url)
      if (found instanceof Response) return found
      const acceptsGzip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "")
      return sendAnswer(found, { framing: framingOf(url), acceptsGzip, pauseMillis })
    },
  })

  return { url: server.url.origin, apiKey, stop: () => server.stop(true) }
}
