/**
 * The calls that the demo makes, as an application would: real HTTP to tokenmeter, each answer read to its end
 * unless the call says otherwise. What they leave behind is shown by report.ts.
 */
import { UNAVAILABLE_MODEL } from "./gemini/models.ts"
import { BLOCKED, OVERLOADED } from "./gemini/tokens.ts"

export interface Call {
  readonly path: string
  /** None: a GET. */
  readonly body?: object
  readonly gzip?: boolean
  /** Instead of the key that tokenmeter issued. */
  readonly key?: string
  readonly hangsUp?: boolean
  /** Generations leave a row; a refused key and free methods do not. */
  readonly recorded: boolean
}

const prompt = (text: string, ...more: ReadonlyArray<object>) => ({
  contents: [{ role: "user", parts: [{ text }, ...more] }],
})

const generation = (model: string, body: object, more: Partial<Call> = {}): Call => ({
  path: `/v1beta/models/${model}:generateContent`,
  body,
  recorded: true,
  ...more,
})

const stream = (model: string, body: object, more: Partial<Call> = {}): Call => ({
  path: `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
  body,
  recorded: true,
  ...more,
})

const content = (text: string) => ({ content: { parts: [{ text }] } })

const PHOTO = { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } }

export const calls: ReadonlyArray<Call> = [
  generation("gemini-2.5-flash", prompt("Why is the sky blue?")),
  generation("gemini-2.5-flash", prompt("And why is it red in the evening?"), { gzip: true }),
  generation("gemini-2.5-pro", prompt("How many primes are there below one hundred?")),
  generation("gemini-flash-latest", {
    ...prompt("Who painted this, and where does it hang?", PHOTO),
    tools: [{ googleSearch: {} }],
  }),
  stream("gemini-2.5-flash", prompt("Tell me a story about a lighthouse.")),
  stream("gemini-2.5-pro", prompt("Plan a garden for a small balcony, step by step.")),
  {
    path: "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
    body: prompt("Name three rivers."),
    gzip: true,
    recorded: true,
  },
  { path: "/v1beta/models/gemini-embedding-2:embedContent", body: content("a red bicycle"), recorded: true },
  {
    path: "/v1beta/models/gemini-embedding-2:batchEmbedContents",
    body: { requests: [content("a blue boat"), content("two green trains")] },
    recorded: true,
  },
  generation("gemini-2.5-flash", prompt(`This one is ${BLOCKED} by the safety settings.`)),
  generation(UNAVAILABLE_MODEL, prompt("Is anybody there?")),
  generation("gemini-0-nothing", prompt("Do you exist?")),
  stream("gemini-2.5-flash", prompt(`An answer that breaks off: the model is ${OVERLOADED} half-way.`)),
  stream("gemini-2.5-flash", prompt("An answer that nobody waits for."), { hangsUp: true }),
  {
    path: "/v1beta/models/gemini-2.5-flash:countTokens",
    body: prompt("Counting is free."),
    recorded: false,
  },
  { path: "/v1beta/models", recorded: false },
  generation("gemini-2.5-flash", prompt("Let me in!"), { key: "not-a-key", recorded: false }),
]

/** Makes one call and waits for the end of its answer. */
export const makeCall = async (call: Call, url: string, key: string): Promise<void> => {
  const response = await fetch(url + call.path, {
    method: call.body === undefined ? "GET" : "POST",
    headers: {
      "x-goog-api-key": call.key ?? key,
      "content-type": "application/json",
      "accept-encoding": call.gzip ? "gzip" : "identity",
    },
    ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
  })
  if (!call.hangsUp) {
    await response.arrayBuffer()
    return
  }
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.cancel()
}
