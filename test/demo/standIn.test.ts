/** The stand-in for Gemini on the wire: framings, counts, errors and uploads, through a real socket. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { vectorOf } from "../../src/demo/gemini/embeddings.ts"
import type { GenerateRequest } from "../../src/demo/gemini/requests.ts"
import { BLOCKED, expectedTokens, OVERLOADED } from "../../src/demo/gemini/tokens.ts"
import { type StandIn, startStandIn } from "../../src/demo/standIn.ts"

const MODEL = "gemini-2.5-flash"
const PAUSE = 25
let standIn: StandIn
beforeAll(() => {
  standIn = startStandIn({ apiKey: "upstream-key", pauseMillis: PAUSE })
})
afterAll(() => standIn.stop())

interface CallOptions {
  readonly headers?: Record<string, string>
  readonly key?: string
}

const post = (path: string, body: unknown, { headers = {}, key = "upstream-key" }: CallOptions = {}) =>
  fetch(standIn.url + path, {
    method: "POST",
    headers: { "x-goog-api-key": key, "accept-encoding": "identity", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    decompress: false,
  })

const prompt = (text: string): GenerateRequest => ({ contents: [{ parts: [{ text }] }] })

const read = async (response: Response) => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of response.body ?? []) chunks.push(chunk)
  return { chunks, text: Buffer.concat(chunks).toString() }
}

// biome-ignore lint/suspicious/noExplicitAny: answers are compared as JSON
const json = async (response: Promise<Response>): Promise<any> => (await response).json()

describe("generateContent", () => {
  test("answers pretty-printed JSON with the counts that a caller can tell beforehand", async () => {
    const response = await post(`/v1beta/models/${MODEL}:generateContent`, prompt("one two drei"))
    expect(response.status).toBe(200)
    expect(response.headers.get("content-type")).toBe("application/json; charset=UTF-8")
    expect(response.headers.get("transfer-encoding")).toBe("chunked")
    const { text } = await read(response)
    expect(text).toStartWith('{\n  "candidates": [\n')
    const answer = JSON.parse(text)
    expect(answer.candidates[0].finishReason).toBe("STOP")
    expect(answer.candidates[0].content.parts[0].text).toEndWith("You wrote: one two drei")
    expect(answer.usageMetadata).toEqual({
      promptTokenCount: 3,
      candidatesTokenCount: 12,
      totalTokenCount: 15,
      promptTokensDetails: [{ modality: "TEXT", tokenCount: 3 }],
      serviceTier: "standard",
    })
    expect(answer.modelVersion).toBe(MODEL)
    expect(answer.responseId).toBeString()
  })

  test("is gzip when the client accepts it, with the same content", async () => {
    const path = `/v1/models/${MODEL}:generateContent`
    const plain = await read(await post(path, prompt("hi")))
    const response = await post(path, prompt("hi"), { headers: { "accept-encoding": "gzip, deflate" } })
    expect(response.headers.get("content-encoding")).toBe("gzip")
    const { chunks } = await read(response)
    expect(Buffer.from(Bun.gunzipSync(Buffer.concat(chunks))).toString()).toBe(plain.text)
  })

  test("counts thoughts, caches, searches and media as Gemini does", async () => {
    const request: GenerateRequest = {
      systemInstruction: { parts: [{ text: "be brief" }] },
      contents: [{ parts: [{ text: "what is this" }, { inlineData: { mimeType: "image/png" } }] }],
      cachedContent: "cachedContents/a",
      tools: [{ googleSearch: {} }],
    }
    const answer = await json(post("/v1beta/models/gemini-flash-latest:generateContent", request))
    const tokens = expectedTokens("gemini-flash-latest", request)
    expect(tokens).toEqual({
      prompt: 1263,
      candidates: 12,
      thoughts: 3789,
      toolUse: 25,
      cached: 1000,
      total: 5089,
    })
    expect(answer.usageMetadata).toEqual({
      promptTokenCount: tokens.prompt,
      candidatesTokenCount: tokens.candidates,
      totalTokenCount: tokens.total,
      cachedContentTokenCount: tokens.cached,
      toolUsePromptTokenCount: tokens.toolUse,
      thoughtsTokenCount: tokens.thoughts,
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: 1005 },
        { modality: "IMAGE", tokenCount: 258 },
      ],
      cacheTokensDetails: [{ modality: "TEXT", tokenCount: 1000 }],
      serviceTier: "standard",
    })
    expect(answer.modelVersion).toBe("gemini-3.5-flash")
  })

  test("stops at maxOutputTokens", async () => {
    const request = { ...prompt("hi"), generationConfig: { maxOutputTokens: 3 } }
    const answer = await json(post(`/v1beta/models/${MODEL}:generateContent`, request))
    expect(answer.candidates[0].finishReason).toBe("MAX_TOKENS")
    expect(answer.usageMetadata.candidatesTokenCount).toBe(3)
  })

  test("blocks a marked prompt with 200, without candidates", async () => {
    const answer = await json(post(`/v1beta/models/${MODEL}:generateContent`, prompt(`bad ${BLOCKED}`)))
    expect(answer.promptFeedback).toEqual({ blockReason: "SAFETY" })
    expect(answer).not.toHaveProperty("candidates")
    expect(answer.usageMetadata).toMatchObject({ promptTokenCount: 2, totalTokenCount: 2 })
  })
})

describe("streamGenerateContent", () => {
  test("with alt=sse sends CRLF events, never gzip, a few at a time", async () => {
    const path = `/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse`
    const began = performance.now()
    const response = await post(path, prompt("one two"), { headers: { "accept-encoding": "gzip" } })
    expect(response.headers.get("content-type")).toBe("text/event-stream")
    expect(response.headers.get("content-disposition")).toBe("attachment")
    expect(response.headers.has("content-encoding")).toBe(false)
    const { chunks, text } = await read(response)
    expect(performance.now() - began).toBeGreaterThan(2 * PAUSE)
    expect(chunks.length).toBeGreaterThan(1)
    const events = text.split("\r\n\r\n")
    expect(events.pop()).toBe("")
    const answers = events.map((event) => JSON.parse(event.replace(/^data: /, "")))
    const finals = answers.map(({ usageMetadata }) => usageMetadata)
    expect(finals[0]).toMatchObject({ promptTokenCount: 2, thoughtsTokenCount: 6, totalTokenCount: 8 })
    expect(finals[0]).not.toHaveProperty("candidatesTokenCount")
    const tokens = expectedTokens("gemini-2.5-pro", prompt("one two"))
    expect(finals[3]).toMatchObject({
      candidatesTokenCount: tokens.candidates,
      totalTokenCount: tokens.total,
    })
    expect(answers.map(({ candidates }) => candidates[0].finishReason)).toEqual([
      undefined,
      undefined,
      undefined,
      "STOP",
    ])
    const streamed = answers.map(({ candidates }) => candidates[0].content.parts[0].text).join("")
    const unary = await json(post("/v1beta/models/gemini-2.5-pro:generateContent", prompt("one two")))
    expect(streamed).toBe(unary.candidates[0].content.parts[0].text)
  })

  test("without alt=sse writes a JSON array as it goes, gzip if accepted", async () => {
    const path = `/v1beta/models/${MODEL}:streamGenerateContent`
    const plain = await read(await post(path, prompt("one two")))
    expect(plain.chunks.length).toBeGreaterThan(1)
    expect(plain.text).toStartWith('[{\n  "candidates"')
    expect(plain.text).toContain("}\n,\r\n{")
    expect(plain.text).toEndWith("}\n]")
    expect(JSON.parse(plain.text)).toHaveLength(4)
    const response = await post(path, prompt("one two"), { headers: { "accept-encoding": "gzip" } })
    const zipped = await read(response)
    expect(zipped.chunks.length).toBeGreaterThan(1)
    expect(Buffer.from(Bun.gunzipSync(Buffer.concat(zipped.chunks))).toString()).toBe(plain.text)
  })

  test("breaks off with a bare JSON error when the model is overloaded in the middle", async () => {
    const path = `/v1beta/models/${MODEL}:streamGenerateContent`
    const { text } = await read(await post(`${path}?alt=sse`, prompt(OVERLOADED)))
    expect(text).toContain('\r\n\r\n{\n  "error": {\n    "code": 503,')
    expect(JSON.parse((await read(await post(path, prompt(OVERLOADED)))).text).at(-1).error.code).toBe(503)
  })
})

describe("the other methods", () => {
  const text = (words: string) => ({ content: { parts: [{ text: words }] } })

  test("embedContent answers one vector and promptTokenDetails without a total", async () => {
    const answer = await json(post("/v1beta/models/gemini-embedding-2:embedContent", text("one two")))
    expect(answer).toEqual({
      embedding: { values: vectorOf("one two") },
      usageMetadata: { promptTokenCount: 2, promptTokenDetails: [{ modality: "TEXT", tokenCount: 2 }] },
    })
  })

  test("batchEmbedContents answers a vector a request and one usage object", async () => {
    const body = { requests: [text("one"), { ...text("two three"), outputDimensionality: 4 }] }
    const answer = await json(post("/v1beta/models/gemini-embedding-2:batchEmbedContents", body))
    expect(answer.embeddings.map(({ values }: { values: [] }) => values.length)).toEqual([768, 4])
    expect(answer.usageMetadata.promptTokenCount).toBe(3)
  })

  test("the older embedding model reports no usage", async () => {
    const answer = await json(post("/v1beta/models/gemini-embedding-001:embedContent", text("one")))
    expect(answer).not.toHaveProperty("usageMetadata")
  })

  test("countTokens counts contents, or a whole generateContentRequest", async () => {
    const path = `/v1beta/models/${MODEL}:countTokens`
    expect(await json(post(path, prompt("a b c")))).toEqual({
      totalTokens: 3,
      promptTokensDetails: [{ modality: "TEXT", tokenCount: 3 }],
    })
    expect(await json(post(path, { generateContentRequest: prompt("a b") }))).toMatchObject({
      totalTokens: 2,
    })
  })

  test("models can be listed and looked up", async () => {
    const get = (path: string) => fetch(`${standIn.url}${path}?key=upstream-key`)
    const { models } = await json(get("/v1beta/models"))
    const one = await json(get(`/v1beta/models/${MODEL}`))
    expect(models).toContainEqual(one)
    expect(one.supportedGenerationMethods).toContain("generateContent")
  })
})

describe("errors", () => {
  const path = `/v1beta/models/${MODEL}:generateContent`

  test("a wrong key is 400 API_KEY_INVALID, a missing one 403", async () => {
    const wrong = await post(path, prompt("hi"), { key: "wrong" })
    expect(wrong.status).toBe(400)
    const { error } = await json(Promise.resolve(wrong))
    expect(error).toMatchObject({ code: 400, status: "INVALID_ARGUMENT" })
    expect(error.details[0]).toMatchObject({
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: "API_KEY_INVALID",
    })
    const missing = await fetch(standIn.url + path, { method: "POST", body: "{}" })
    expect(missing.status).toBe(403)
  })

  test.each([
    ["an unknown model", "gemini-nothing", prompt("hi"), 404, "NOT_FOUND"],
    ["a model without the method", "gemini-embedding-2", prompt("hi"), 404, "NOT_FOUND"],
    ["the unavailable model", "gemini-unavailable", prompt("hi"), 503, "UNAVAILABLE"],
    ["an overloaded model", MODEL, prompt(OVERLOADED), 503, "UNAVAILABLE"],
    ["a body that is not JSON", MODEL, "{", 400, "INVALID_ARGUMENT"],
    ["a body of another shape", MODEL, { contents: "hi" }, 400, "INVALID_ARGUMENT"],
  ])("%s is a google.rpc.Status", async (_, model, body, code, status) => {
    const response = await post(`/v1beta/models/${model}:generateContent`, body)
    expect(response.status).toBe(code)
    expect(await response.json()).toMatchObject({ error: { code, status } })
  })

  test("before a stream: plain JSON as text/event-stream, or an array of one", async () => {
    const stream = "/v1beta/models/gemini-unavailable:streamGenerateContent"
    const sse = await post(`${stream}?alt=sse`, prompt("hi"))
    expect(sse.status).toBe(503)
    expect(sse.headers.get("content-type")).toBe("text/event-stream")
    expect(await sse.json()).toMatchObject({ error: { code: 503 } })
    expect(await json(post(stream, prompt("hi")))).toMatchObject([{ error: { code: 503 } }])
  })
})

describe("the OpenAI-compatible paths", () => {
  const chat = (fields: object = {}) =>
    fetch(`${standIn.url}/v1beta/openai/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer upstream-key" },
      body: JSON.stringify({
        model: "gemini-2.5-pro",
        messages: [{ role: "user", content: "one two" }],
        ...fields,
      }),
    })
  const tokens = expectedTokens("gemini-2.5-pro", prompt("one two"))
  const usage = {
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.candidates,
    total_tokens: tokens.total,
  }

  test("a chat completion counts thoughts in the total alone", async () => {
    const answer = await json(chat())
    expect(answer.usage).toEqual(usage)
    expect(tokens.total).toBeGreaterThan(tokens.prompt + tokens.candidates)
    expect(answer.choices[0].message.content).toEndWith("one two")
  })

  test("a streamed one ends with its usage and [DONE]", async () => {
    const events = (await (await chat({ stream: true })).text()).split("\n\n")
    expect(events.slice(-2)).toEqual(["data: [DONE]", ""])
    const chunks = events.slice(0, -2).map((event) => JSON.parse(event.slice("data: ".length)))
    expect(chunks.at(-1).usage).toEqual(usage)
    expect(chunks.map(({ choices }) => choices[0].delta.content).join("")).toEndWith("one two")
  })
})

describe("files", () => {
  const upload = (url: string, headers: Record<string, string>, body: string) =>
    fetch(url, { method: "POST", headers: { "x-goog-api-key": standIn.apiKey, ...headers }, body })

  test("a resumable upload in two chunks becomes a file that can be read and deleted", async () => {
    const start = await upload(
      `${standIn.url}/upload/v1beta/files`,
      {
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-type": "text/plain",
      },
      JSON.stringify({ file: { displayName: "notes" } }),
    )
    const url = start.headers.get("x-goog-upload-url") ?? ""
    expect(url).toStartWith(`${standIn.url}/upload/v1beta/files?upload_id=`)
    const first = await upload(url, { "x-goog-upload-command": "upload", "x-goog-upload-offset": "0" }, "abc")
    expect(first.headers.get("x-goog-upload-status")).toBe("active")
    const finalize = { "x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "3" }
    const last = await upload(url, finalize, "de")
    expect(last.headers.get("x-goog-upload-status")).toBe("final")
    const { file } = await json(Promise.resolve(last))
    expect(file).toMatchObject({
      displayName: "notes",
      mimeType: "text/plain",
      sizeBytes: "5",
      state: "ACTIVE",
    })
    const path = `${standIn.url}/v1beta/${file.name}?key=${standIn.apiKey}`
    expect(await json(fetch(path))).toEqual(file)
    expect((await fetch(path, { method: "DELETE" })).status).toBe(200)
    expect((await fetch(path)).status).toBe(403)
  })
})
