/** The proxied paths without sockets: the app is called directly, and an invented Gemini answers its `fetch`. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, spyOn, test } from "bun:test"
import { FetchInterceptor } from "@mswjs/interceptors/fetch/web"
import { Result } from "effect"
import { HttpResponse, http } from "msw"
import { defineNetwork, InterceptorSource } from "msw/experimental"
import type { RequestLog } from "../../src/core/requestLog.ts"
import type { KeyCheck } from "../../src/keyring.ts"
import { makeMeter } from "../../src/meter.ts"
import { makeApp } from "../../src/routes/app.ts"
import type { Defect } from "../../src/routes/errors.ts"
import { head } from "../support/message.ts"
import { send } from "../support/rawClient.ts"

const ORIGIN = "https://gemini.example"
const GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
const STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
const KEY_ID = "0190a0b0-0000-7000-8000-000000000001"

/** The one interceptor that works on Bun's fetch; its types are of the browser's build, and another class to TypeScript. */
const interceptor = new FetchInterceptor() as never

const network = defineNetwork({
  sources: [new InterceptorSource({ interceptors: [interceptor] })],
  context: { quiet: true },
  handlers: [],
  onUnhandledFrame: "error",
})
beforeAll(() => network.enable())
afterEach(() => network.resetHandlers())
afterAll(() => network.disable())

let logs: Array<RequestLog> = []
beforeEach(() => {
  logs = []
})

const GOOD: KeyCheck = Result.succeed(KEY_ID)
const REFUSED: KeyCheck = Result.fail({ _tag: "ApiKeyInvalid" })
const UNKNOWABLE: KeyCheck = Result.fail({ _tag: "KeysUnavailable" })

const defects: Array<Defect> = []

const appWith = (check: KeyCheck | Promise<KeyCheck>) =>
  makeApp({
    keyring: { check: () => check },
    upstream: { origin: ORIGIN, apiKey: "upstream-key", silenceLimit: 1_000 },
    meter: makeMeter((log) => logs.push(log)),
    isReady: () => true,
    onDefect: (defect) => defects.push(defect),
    version: "0.0.0",
  })

const call = (target: string, check: KeyCheck | Promise<KeyCheck> = GOOD) =>
  appWith(check).handle(
    new Request(`http://localhost${target}`, {
      method: "POST",
      headers: { "x-goog-api-key": "client-key", "content-length": "2" },
      body: "{}",
    }),
  )

const answerWith = (answer: (request: Request) => Response | Promise<Response>) =>
  network.use(http.all(`${ORIGIN}/*`, ({ request }) => answer(request)))

const event = (total: number): string => `data: {"usageMetadata":{"totalTokenCount":${total}}}\r\n\r\n`

/** A body that sends `first`, and does what `then` says when more is asked for. */
const streamOf = (first: string, then: (controller: ReadableStreamDefaultController) => void) => {
  let isFirst = true
  const pull = (controller: ReadableStreamDefaultController) => {
    if (!isFirst) return then(controller)
    isFirst = false
    controller.enqueue(Buffer.from(first))
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}

describe("a proxied call", () => {
  test("is answered with the upstream's answer and leaves a request log", async () => {
    answerWith(() => HttpResponse.json({ usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 } }))
    const response = await call(GENERATE)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 } })
    expect(logs).toEqual([
      expect.objectContaining({ apiKeyId: KEY_ID, status: 200, outcome: "complete", totalTokens: 3 }),
    ])
  })

  test("reaches the upstream's origin with its key, and without the client's", async () => {
    let seen: object | undefined
    answerWith(async (request) => {
      seen = { url: request.url, headers: Object.fromEntries(request.headers), body: await request.text() }
      return HttpResponse.json({})
    })
    await (await call(`${GENERATE}?key=client-key&alt=json`)).text()
    expect(seen).toEqual({
      url: `${ORIGIN}${GENERATE}?alt=json`,
      headers: { "x-goog-api-key": "upstream-key", "accept-encoding": "identity", "content-length": "2" },
      body: "{}",
    })
  })

  test("is answered with the upstream's error", async () => {
    const error = { error: { code: 429, status: "RESOURCE_EXHAUSTED" } }
    answerWith(() => HttpResponse.json(error, { status: 429, headers: { "retry-after": "7" } }))
    const response = await call(GENERATE)
    expect(response.status).toBe(429)
    expect(response.headers.get("retry-after")).toBe("7")
    expect(await response.json()).toEqual(error)
    expect(logs).toEqual([expect.objectContaining({ status: 429, totalTokens: null })])
  })

  test("is a bad gateway, shaped as Gemini's errors are, when the network fails", async () => {
    answerWith(() => HttpResponse.error())
    const response = await call(GENERATE)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ error: { code: 502, status: "UNAVAILABLE" } })
    expect(logs).toEqual([expect.objectContaining({ status: null, outcome: "upstream_failed" })])
  })

  test("breaks off when the upstream's stream does, and leaves the last counts", async () => {
    answerWith(() => new HttpResponse(streamOf(event(5), (controller) => controller.error("broken"))))
    const response = await call(STREAM)
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toBeUndefined()
    expect(logs).toEqual([expect.objectContaining({ outcome: "upstream_failed", totalTokens: 5 })])
  })

  test("ends when nobody reads on, and leaves the last counts", async () => {
    const cancelled = Promise.withResolvers<void>()
    const body = streamOf(event(5), () => cancelled.promise)
    answerWith(() => new HttpResponse(body))
    const reader = (await call(STREAM)).body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(event(5))
    await reader?.cancel()
    expect(logs).toEqual([expect.objectContaining({ outcome: "client_aborted", totalTokens: 5 })])
  })
})

describe("a client whose key", () => {
  test.each<[string, KeyCheck | Promise<KeyCheck>, number, string]>([
    ["is refused", REFUSED, 401, "UNAUTHENTICATED"],
    ["is refused by the database", Promise.resolve(REFUSED), 401, "UNAUTHENTICATED"],
    ["cannot be checked", UNKNOWABLE, 503, "UNAVAILABLE"],
  ])("%s gets no further", async (_, check, code, status) => {
    const response = await call(GENERATE, check)
    expect(response.status).toBe(code)
    expect(response.headers.get("cache-control")).toBe("no-store")
    expect(await response.json()).toMatchObject({ error: { code, status } })
    expect(logs).toEqual([])
  })

  test("is accepted by the database passes", async () => {
    answerWith(() => HttpResponse.json({}))
    expect((await call(GENERATE, Promise.resolve(GOOD))).status).toBe(200)
  })
})

test("a defect is answered as an internal error, and told without its message", async () => {
  answerWith(() => HttpResponse.json({}))
  const answered = await call(GENERATE, Promise.reject(new RangeError("a secret")))
  expect(await answered.json()).toMatchObject({ error: { code: 500, status: "INTERNAL" } })
  expect(defects).toMatchObject([{ name: "RangeError" }])
  expect(JSON.stringify(defects)).not.toContain("secret")
})

describe("a connection", () => {
  test.each<[string, KeyCheck, () => Response]>([
    ["an answer", GOOD, () => HttpResponse.json({})],
    ["a stream", GOOD, () => new HttpResponse(streamOf(event(5), (controller) => controller.close()))],
    ["an upstream that failed", GOOD, () => HttpResponse.error()],
    ["a refusal", REFUSED, () => HttpResponse.json({})],
  ])("may be idle without limit during a call, and not after it (%s)", async (_, check, answer) => {
    answerWith(answer)
    const { server } = appWith(check).listen({ hostname: "127.0.0.1", port: 0 })
    if (server === null) throw new Error("the app does not listen")
    const limits = spyOn(server, "timeout")
    const request = head(`POST ${GENERATE} HTTP/1.1`, [
      ["Host", server.url.host],
      ["x-goog-api-key", "client-key"],
      ["Content-Length", "0"],
    ])
    const { answer: answered, connection } = await send(server.url.origin, request)
    await (await answered()).body()
    connection.end()
    await server.stop(true)
    const seconds = limits.mock.calls.map(([, limit]) => limit)
    // A client that is refused has no call to wait for.
    expect(seconds.includes(0)).toBe(check === GOOD)
    expect(seconds.at(-1)).toBeGreaterThan(0)
  })
})
