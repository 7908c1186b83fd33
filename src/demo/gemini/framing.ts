/**
 * Puts an answer on the wire the way Gemini does: pretty-printed JSON, server-sent events with CRLF, or a JSON
 * array that grows as it is written; gzip where Gemini uses it. What is answered is decided elsewhere.
 */
import { createGzip } from "node:zlib"
import type { Answer, Failure } from "./answer.ts"

/** `array` is a stream without `alt=sse`; `openai` streams, where asked to, in OpenAI's way. */
export type Framing = "json" | "array" | "sse" | "openai"

export interface Caller {
  readonly framing: Framing
  readonly acceptsGzip: boolean
  /** Between two chunks of a stream. */
  readonly pauseMillis: number
}

const COMMON_HEADERS: ReadonlyArray<readonly [string, string]> = [
  ["vary", "Origin"],
  ["vary", "X-Origin"],
  ["vary", "Referer"],
  ["server", "scaffolding on HTTPServer2"],
  ["server-timing", "gfet4t7; dur=42"],
  ["x-content-type-options", "nosniff"],
]

const JSON_TYPE = "application/json; charset=UTF-8"

const headersOf = (contentType: string): Headers => {
  const headers = new Headers({ "content-type": contentType })
  for (const [name, value] of COMMON_HEADERS) headers.append(name, value)
  return headers
}

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const envelopeOf = ({ code, message, status, details }: Failure) => ({
  error: { code, message, status, details },
})

async function* paced(pieces: Iterable<string>, pauseMillis: number): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  let isFirst = true
  for (const piece of pieces) {
    if (!isFirst) await Bun.sleep(pauseMillis)
    isFirst = false
    yield encoder.encode(piece)
  }
}

/** Each chunk is flushed, so that gzip does not hold a stream back. */
async function* gzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip()
  for await (const chunk of chunks) {
    gzip.write(chunk)
    await new Promise<void>((flushed) => gzip.flush(() => flushed()))
    yield gzip.read()
  }
  gzip.end()
  yield* gzip
}

const respond = (pieces: Iterable<string>, status: number, headers: Headers, caller: Caller): Response => {
  const plain = paced(pieces, caller.pauseMillis)
  if (!caller.acceptsGzip) return new Response(plain, { status, headers })
  headers.set("content-encoding", "gzip")
  return new Response(gzipped(plain), { status, headers })
}

function* events(chunks: ReadonlyArray<object>, breaksWith: Failure | undefined): Generator<string> {
  for (const chunk of chunks) yield `data: ${JSON.stringify(chunk)}\r\n\r\n`
  // A failure in the middle of Gemini's streams is bare JSON, not an event.
  if (breaksWith !== undefined) yield pretty(envelopeOf(breaksWith))
}

function* arrayElements(chunks: ReadonlyArray<object>, breaksWith: Failure | undefined): Generator<string> {
  const elements = breaksWith === undefined ? chunks : [...chunks, envelopeOf(breaksWith)]
  for (const [index, element] of elements.entries()) yield (index === 0 ? "[" : ",\r\n") + pretty(element)
  yield "]"
}

function* openAiEvents(chunks: ReadonlyArray<object>): Generator<string> {
  for (const chunk of chunks) yield `data: ${JSON.stringify(chunk)}\n\n`
  yield "data: [DONE]\n\n"
}

const sendChunks = (answer: Extract<Answer, { kind: "chunks" }>, caller: Caller): Response => {
  const { chunks, breaksWith } = answer
  if (caller.framing === "array") {
    return respond(arrayElements(chunks, breaksWith), 200, headersOf(JSON_TYPE), caller)
  }
  const headers = headersOf("text/event-stream")
  headers.set("content-disposition", "attachment")
  const pieces = caller.framing === "openai" ? openAiEvents(chunks) : events(chunks, breaksWith)
  return respond(pieces, 200, headers, { ...caller, acceptsGzip: false })
}

const sendFailure = (answer: Failure, caller: Caller): Response => {
  const envelope = envelopeOf(answer)
  // Before a stream of events begins, Gemini sends plain JSON under the events' content type.
  const headers = headersOf(caller.framing === "sse" ? "text/event-stream" : JSON_TYPE)
  const isArray = caller.framing === "array" || caller.framing === "openai"
  return respond([pretty(isArray ? [envelope] : envelope)], answer.code, headers, caller)
}

export const sendAnswer = (answer: Answer, caller: Caller): Response => {
  switch (answer.kind) {
    case "body":
      return respond([pretty(answer.body)], 200, headersOf(JSON_TYPE), caller)
    case "chunks":
      return sendChunks(answer, caller)
    case "failure":
      return sendFailure(answer, caller)
  }
}
