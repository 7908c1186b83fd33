/** The answers of the benchmark's upstream as bytes on the wire, framed as Gemini frames them: chunked, unary ones too. */

/** What a request asks for is named in its query, which a proxy hands on. */
export const answerNames = ["1KB", "30KB", "1MB", "sse"] as const
export type AnswerName = (typeof answerNames)[number]

export const pathOf = (name: AnswerName): string =>
  name === "sse"
    ? "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&answer=sse"
    : `/v1beta/models/gemini-2.5-flash:generateContent?answer=${name}`

export const eventCount = 20
/** Between the events of a stream. */
export const eventMillis = 10

const usageMetadata = {
  promptTokenCount: 58,
  candidatesTokenCount: 212,
  totalTokenCount: 270,
  promptTokensDetails: [{ modality: "TEXT", tokenCount: 58 }],
}

const answer = (part: object, isLast: boolean) => ({
  candidates: [
    {
      content: { parts: [part], role: "model" },
      ...(isLast ? { finishReason: "STOP" } : {}),
      index: 0,
    },
  ],
  usageMetadata,
  modelVersion: "gemini-2.5-flash",
  responseId: "5m8laMuzCpKs1PIPrLKxiAg",
})

const prose = 'Gemini answers with "prose", some of it quoted, and with a line break now and then.\n'

const documentOf = (part: object): string => JSON.stringify(answer(part, true), null, 2)

/** Answers of this size are prose; each is about `bytes` long, to a sentence. */
const proseAnswer = (bytes: number): string => {
  const empty = documentOf({ text: "" }).length
  const sentences = Math.floor((bytes - empty) / (documentOf({ text: prose }).length - empty))
  return documentOf({ text: prose.repeat(Math.max(1, sentences)) })
}

/** Answers of this size are images. */
const imageAnswer = (bytes: number): string =>
  documentOf({ inlineData: { mimeType: "image/png", data: "iVBORw0KGgo+".repeat(Math.floor(bytes / 12)) } })

const head = (contentType: string): string =>
  [
    "HTTP/1.1 200 OK",
    `Content-Type: ${contentType}`,
    "Vary: Origin",
    "Vary: X-Origin",
    "Vary: Referer",
    `Date: ${new Date().toUTCString()}`,
    "Server: scaffolding on HTTPServer2",
    "X-XSS-Protection: 0",
    "X-Frame-Options: SAMEORIGIN",
    "X-Content-Type-Options: nosniff",
    "Server-Timing: gfet4t7; dur=612",
    "Transfer-Encoding: chunked",
    "\r\n",
  ].join("\r\n")

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const lastChunk = "0\r\n\r\n"

const unary = (document: string): Buffer =>
  Buffer.from(head("application/json; charset=UTF-8") + chunk(document) + lastChunk)

const event = (isLast: boolean): string =>
  chunk(`data: ${JSON.stringify(answer({ text: prose }, isLast))}\r\n\r\n`)

export const unaryAnswers: Readonly<Record<Exclude<AnswerName, "sse">, Buffer>> = {
  "1KB": unary(proseAnswer(1024)),
  "30KB": unary(proseAnswer(30 * 1024)),
  "1MB": unary(imageAnswer(1024 * 1024)),
}

/** The pieces of a stream, each to be written on its own; the head goes out with the first event. */
export const streamedAnswer: readonly Buffer[] = Array.from({ length: eventCount }, (_, index) => {
  const isFirst = index === 0
  const isLast = index === eventCount - 1
  return Buffer.from((isFirst ? head("text/event-stream") : "") + event(isLast) + (isLast ? lastChunk : ""))
})
