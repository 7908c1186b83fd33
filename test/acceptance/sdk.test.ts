/** The SDKs that people use cannot tell tokenmeter from Gemini, and what they do is recorded with its true counts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { createGoogleGenerativeAI } from "@ai-sdk/google"
import { GoogleGenAI } from "@google/genai"
import { embedMany, generateText, streamText } from "ai"
import { GoogleGenAI as GoogleGenAI2 } from "genai2"
import OpenAI from "openai"
import { vectorOf } from "../../src/demo/gemini/embeddings.ts"
import { answerPieces } from "../../src/demo/gemini/generations.ts"
import type { GenerateRequest } from "../../src/demo/gemini/requests.ts"
import { expectedTokens, OVERLOADED } from "../../src/demo/gemini/tokens.ts"
import { type Gateway, startGateway } from "../support/gateway.ts"

const FLASH = "gemini-2.5-flash"
const PRO = "gemini-2.5-pro"
const EMBEDDING = "gemini-embedding-2"
const PROMPT = "Why is the sky blue?"
/** Bigger than the buffers on the way, so that its upload comes in several pieces. */
const FILE_BYTES = 300_000

interface Endpoint {
  readonly url: string
  readonly apiKey: string
}

let gateway: Gateway
/** Targets and headers of all that reached the upstream. */
const arrived: Array<string> = []
beforeAll(async () => {
  const onRequest = ({ url, headers }: Request) => arrived.push(`${url} ${JSON.stringify([...headers])}`)
  gateway = await startGateway({ standIn: { onRequest } })
})
afterAll(() => gateway?.stop())

/** Headers that may differ: the date of the answer, and how a connection frames it, which is each hop's own affair. */
const OF_THE_HOP = new Set(["date", "content-length", "transfer-encoding"])

/** What an SDK returned or threw, as data. */
const outcomeOf = async (act: () => Promise<unknown>): Promise<unknown> => {
  const result = await act().catch((error: Error & { readonly status?: number }) => ({
    thrown: error.constructor.name,
    status: error.status,
    message: error.message,
  }))
  return JSON.parse(JSON.stringify(result, (key, value) => (OF_THE_HOP.has(key) ? undefined : value)))
}

type Act = (endpoint: Endpoint) => Promise<unknown>

/** Does the same against the stand-in and against tokenmeter; returns what both gave and the rows that the latter left. */
const compare = async (act: Act, expectedRows = 1) => {
  const direct = await outcomeOf(() => act(gateway.standIn))
  const before = (await gateway.rows()).length
  const metered = await outcomeOf(() => act({ url: gateway.url, apiKey: gateway.key }))
  expect(metered).toEqual(direct)
  return { result: metered, rows: (await gateway.rows(before + expectedRows)).slice(before) }
}

const compareUnmetered = (act: Act) => compare(act, 0)

const collect = async (chunks: AsyncIterable<unknown>): Promise<ReadonlyArray<unknown>> =>
  Array.fromAsync(chunks)

const promptOf = (text: string): GenerateRequest => ({ contents: [{ parts: [{ text }] }] })

const tokenColumns = (model: string, request: GenerateRequest) => {
  const tokens = expectedTokens(model, request)
  return {
    prompt_tokens: tokens.prompt,
    candidate_tokens: tokens.candidates,
    total_tokens: tokens.total,
    cached_tokens: tokens.cached,
    thoughts_tokens: tokens.thoughts,
    tool_use_tokens: tokens.toolUse,
  }
}

const complete = (endpoint: string, model: string, streamed: boolean) => ({
  endpoint,
  model,
  model_version: model,
  status: 200,
  outcome: "complete",
  streamed,
  usage_final: true,
  usage_consistent: true,
  finish_reason: "STOP",
  service_tier: "standard",
  ...tokenColumns(model, promptOf(PROMPT)),
})

describe.each([
  ["@google/genai 3", GoogleGenAI],
  ["@google/genai 2", GoogleGenAI2 as unknown as typeof GoogleGenAI],
])("%s", (_, SDK) => {
  const connect = ({ url, apiKey }: Endpoint) => new SDK({ apiKey, httpOptions: { baseUrl: url } })

  test("generateContent gives the same answer and leaves its counts", async () => {
    const { result, rows } = await compare((endpoint) =>
      connect(endpoint).models.generateContent({ model: PRO, contents: PROMPT }),
    )
    expect(result).toMatchObject({ modelVersion: PRO })
    expect(rows).toEqual([expect.objectContaining(complete("generateContent", PRO, false))])
  })

  test("generateContentStream gives the same chunks and leaves the last counts", async () => {
    const { result, rows } = await compare(async (endpoint) =>
      collect(await connect(endpoint).models.generateContentStream({ model: PRO, contents: PROMPT })),
    )
    expect(result).toHaveLength(4)
    expect(rows).toEqual([expect.objectContaining(complete("streamGenerateContent", PRO, true))])
  })

  test("embedContent gives the same vector and leaves its prompt count", async () => {
    const { result, rows } = await compare((endpoint) =>
      connect(endpoint).models.embedContent({ model: EMBEDDING, contents: PROMPT }),
    )
    expect(result).toMatchObject({ embeddings: [{ values: vectorOf(PROMPT) }] })
    expect(rows).toEqual([
      expect.objectContaining({
        endpoint: "batchEmbedContents",
        model: EMBEDDING,
        status: 200,
        prompt_tokens: 5,
      }),
    ])
  })

  test("countTokens and models.list give the same answers and leave no row", async () => {
    const { result, rows } = await compareUnmetered(async (endpoint) => [
      await connect(endpoint).models.countTokens({ model: FLASH, contents: PROMPT }),
      await collect(await connect(endpoint).models.list()),
    ])
    expect(result).toMatchObject([
      { totalTokens: 5 },
      expect.arrayContaining([expect.objectContaining({ name: `models/${FLASH}` })]),
    ])
    expect(rows).toEqual([])
  })

  test("an error is the same ApiError and leaves its status without counts", async () => {
    const { result, rows } = await compare((endpoint) =>
      connect(endpoint).models.generateContent({ model: "gemini-unavailable", contents: PROMPT }),
    )
    expect(result).toMatchObject({ thrown: "ApiError", status: 503 })
    expect(rows).toEqual([expect.objectContaining({ status: 503, prompt_tokens: null, total_tokens: null })])
  })

  test("a stream that breaks off is the same ApiError and is recorded as failed", async () => {
    const { result, rows } = await compare(async (endpoint) =>
      collect(await connect(endpoint).models.generateContentStream({ model: FLASH, contents: OVERLOADED })),
    )
    expect(result).toMatchObject({ thrown: "ApiError", status: 503 })
    expect(rows).toEqual([
      expect.objectContaining({ status: 200, outcome: "upstream_failed", usage_final: false }),
    ])
  })

  test("a file goes up, is found and goes away, all through tokenmeter", async () => {
    const contents = new Blob(["x".repeat(FILE_BYTES)])
    const { result, rows } = await compareUnmetered(async (endpoint) => {
      const { files } = connect(endpoint)
      const file = await files.upload({ file: contents, config: { mimeType: "text/plain" } })
      const found = await files.get({ name: file.name ?? "" })
      return [file, found, await files.delete({ name: file.name ?? "" })]
    })
    const file = { mimeType: "text/plain", sizeBytes: String(FILE_BYTES), state: "ACTIVE" }
    expect(result).toMatchObject({ 0: file, 1: file })
    expect(rows).toEqual([])
  })
})

describe("@ai-sdk/google", () => {
  const connect = ({ url, apiKey }: Endpoint) =>
    createGoogleGenerativeAI({ apiKey, baseURL: `${url}/v1beta` })

  test("generateText gives the same answer and leaves its counts", async () => {
    const { result, rows } = await compare(async (endpoint) => {
      const { text, usage, finishReason } = await generateText({
        model: connect(endpoint)(PRO),
        prompt: PROMPT,
      })
      return { text, usage, finishReason }
    })
    expect(result).toMatchObject({ finishReason: "stop" })
    expect(rows).toEqual([expect.objectContaining(complete("generateContent", PRO, false))])
  })

  test("streamText gives the same pieces and leaves the last counts", async () => {
    const { result, rows } = await compare(async (endpoint) => {
      const stream = streamText({ model: connect(endpoint)(PRO), prompt: PROMPT })
      return [await collect(stream.textStream), await stream.usage]
    })
    const request = promptOf(PROMPT)
    expect(result).toMatchObject([
      [...answerPieces(request)],
      { totalTokens: expectedTokens(PRO, request).total },
    ])
    expect(rows).toEqual([expect.objectContaining(complete("streamGenerateContent", PRO, true))])
  })

  test("embedMany gives the same vectors and leaves its prompt count", async () => {
    const { result, rows } = await compare(async (endpoint) => {
      const model = connect(endpoint).textEmbeddingModel(EMBEDDING)
      return (await embedMany({ model, values: ["one two", "three"] })).embeddings
    })
    expect(result).toEqual(["one two", "three"].map((text) => vectorOf(text)))
    expect(rows).toEqual([expect.objectContaining({ endpoint: "batchEmbedContents", prompt_tokens: 3 })])
  })

  test("an error is the same APICallError", async () => {
    const { result } = await compare((endpoint) =>
      generateText({ model: connect(endpoint)("gemini-unavailable"), prompt: PROMPT, maxRetries: 0 }),
    )
    expect(result).toMatchObject({ thrown: expect.stringContaining("APICallError") })
  })
})

describe("openai", () => {
  const connect = ({ url, apiKey }: Endpoint) =>
    new OpenAI({ apiKey, baseURL: `${url}/v1beta/openai/`, maxRetries: 0 })
  const chat = { model: PRO, messages: [{ role: "user" as const, content: PROMPT }] }

  test("chat.completions gives the same answer", async () => {
    const { result } = await compareUnmetered((endpoint) => connect(endpoint).chat.completions.create(chat))
    const { total } = expectedTokens(PRO, promptOf(PROMPT))
    expect(result).toMatchObject({ usage: { total_tokens: total } })
  })

  test("chat.completions streams the same chunks", async () => {
    const { result } = await compareUnmetered(async (endpoint) =>
      collect(await connect(endpoint).chat.completions.create({ ...chat, stream: true })),
    )
    expect(result).toHaveLength(4)
  })

  test("embeddings gives the same vectors", async () => {
    const { result } = await compareUnmetered((endpoint) =>
      connect(endpoint).embeddings.create({ model: "gemini-embedding-001", input: "one two" }),
    )
    expect(result).toMatchObject({ object: "list", data: [{ object: "embedding", index: 0 }] })
  })

  test("an error is the same NotFoundError", async () => {
    const { result } = await compareUnmetered((endpoint) =>
      connect(endpoint).chat.completions.create({ ...chat, model: "gemini-nothing" }),
    )
    expect(result).toMatchObject({ thrown: "NotFoundError", status: 404 })
  })
})

test("a client's key never reaches the upstream", () => {
  expect(arrived.length).toBeGreaterThan(0)
  expect(arrived.filter((request) => request.includes(gateway.key))).toEqual([])
})
