import { describe, expect, test } from "bun:test"
import { Option } from "effect"
import fc from "fast-check"
import { type Answer, makeAnswerReader } from "../../src/core/exchange.ts"
import { FIELD_LIMIT } from "../../src/core/jsonFields.ts"
import { contentUsage, type TokenUsage } from "../../src/core/usage.ts"
import { bytesOf, chunksOf, pushEach, randomChunks, seededRandom } from "../support/chunks.ts"

const answerOf = (chunks: Iterable<Uint8Array>, surface: "content" | "embedding" = "content"): Answer => {
  const reader = makeAnswerReader(surface)
  pushEach(chunks, reader.push)
  return reader.answer()
}

/** The answer to the whole text, after making sure that it is the same byte by byte. */
const read = (text: string, surface?: "content" | "embedding"): Answer => {
  const bytes = bytesOf(text)
  const whole = answerOf([bytes], surface)
  expect(answerOf(chunksOf(bytes, 1), surface)).toEqual(whole)
  return whole
}

const counts = ({ usage }: Answer) =>
  Option.map(usage, ({ promptTokens, candidateTokens, totalTokens }) => [
    promptTokens,
    candidateTokens,
    totalTokens,
  ]).pipe(Option.getOrNull)

const message = (prompt: number, candidates: number, finishReason?: string): string =>
  JSON.stringify({
    candidates: [
      { content: { parts: [{ text: '"usageMetadata": {}' }], role: "model" }, finishReason, index: 0 },
    ],
    usageMetadata: {
      promptTokenCount: prompt,
      candidatesTokenCount: candidates,
      totalTokenCount: prompt + candidates,
    },
    modelVersion: "gemini-2.5-flash",
    responseId: "id-1",
  })

const sse = (...messages: ReadonlyArray<string>): string =>
  messages.map((text) => `data: ${text}\r\n\r\n`).join("")

const ERROR = `{
  "error": {
    "code": 503,
    "message": "The model is overloaded.",
    "status": "UNAVAILABLE"
  }
}
`

const nothing = {
  usage: Option.none<TokenUsage>(),
  modelVersion: null,
  responseId: null,
  finishReason: null,
  failed: false,
  closed: false,
  truncated: false,
}

describe("an answer reader", () => {
  test("reads a unary answer", () => {
    const answer = read(`${message(5, 7, "STOP")}\n`)
    expect(counts(answer)).toEqual([5, 7, 12])
    expect(answer).toMatchObject({
      modelVersion: "gemini-2.5-flash",
      responseId: "id-1",
      finishReason: "STOP",
      failed: false,
      closed: true,
      truncated: false,
    })
  })

  test("reads a unary answer that is spaced out", () => {
    const answer = read(JSON.stringify(JSON.parse(message(5, 7, "STOP")), null, 2).replaceAll("\n", "\r\n"))
    expect(counts(answer)).toEqual([5, 7, 12])
    expect(answer.closed).toBe(true)
  })

  test("takes the last usage object of a stream, whole", () => {
    const usages = [
      '{"promptTokenCount":15,"thoughtsTokenCount":21,"totalTokenCount":36}',
      '{"promptTokenCount":169,"candidatesTokenCount":30,"totalTokenCount":199}',
      '{"promptTokenCount":13,"totalTokenCount":13}',
    ]
    const last = contentUsage({ promptTokenCount: 13, totalTokenCount: 13 })
    const messages = usages.map((usage) => `{"usageMetadata":${usage}}`)
    expect(read(sse(...messages)).usage).toEqual(last)
    expect(read(`[${messages.join("\n,\r\n")}\n]`).usage).toEqual(last)
  })

  test("keeps the last usage object when later messages have none, or null", () => {
    expect(counts(read(sse(message(5, 7), '{"candidates":[]}', '{"usageMetadata":null}')))).toEqual([
      5, 7, 12,
    ])
  })

  test("takes a usage object that cannot be read for unknown, and not for the one before", () => {
    const huge = `{"promptTokenCount":1,"x":"${"x".repeat(FIELD_LIMIT)}"}`
    const bytes = bytesOf(sse(message(5, 7), `{"usageMetadata":${huge},"responseId":"id-2"}`))
    for (const chunks of [[bytes], chunksOf(bytes, 1000)]) {
      const answer = answerOf(chunks)
      expect(answer.usage).toEqual(Option.none())
      expect(answer.responseId).toBe("id-2")
    }
    expect(read(sse(message(5, 7), '{"usageMetadata":[]}')).usage).toEqual(Option.none())
    expect(read(sse(message(5, 7), '{"usageMetadata":{"a" 1}}')).usage).toEqual(Option.none())
  })

  test("goes on reading after a finish reason", () => {
    const answer = read(sse(message(5, 7, "STOP"), message(5, 9), message(5, 90, "MAX_TOKENS")))
    expect(counts(answer)).toEqual([5, 90, 95])
    expect(answer).toMatchObject({ finishReason: "MAX_TOKENS", closed: true })
  })

  const names: ReadonlyArray<readonly [string, string, string | null]> = [
    ["modelVersion", '{"modelVersion":"models/gemini-2.5-pro"}', "gemini-2.5-pro"],
    ["modelVersion", '{"modelVersion":"models/"}', null],
    ["modelVersion", '{"modelVersion":{"a":1}}', null],
    ["modelVersion", '{"modelVersion":"a\\u0000\\ud800b"}', "a\ufffdb"],
    ["responseId", `{"responseId":"${"x".repeat(1000)}"}`, "x".repeat(256)],
    ["responseId", '{"responseId":"\\u0000"}', null],
    ["responseId", '{"responseId":null}', null],
    ["finishReason", '{"candidates":[{"finishReason":1}]}', "1"],
    ["finishReason", '{"candidates":[{"finishReason":null}]}', null],
    ["finishReason", '{"candidates":[{"finishReason":true}]}', null],
    ["finishReason", '{"candidates":[{"finishReason":"STOP"},{"finishReason":"SAFETY"}]}', "SAFETY"],
    ["finishReason", '{"promptFeedback":{"blockReason":"SAFETY"}}', "SAFETY"],
    ["finishReason", '{"promptFeedback":{"blockReason":2}}', "2"],
  ]
  test.each(names)("reads %s of %s as %j", (field, text, expected) => {
    expect(read(text)[field as keyof Answer]).toBe(expected)
  })

  const endings: ReadonlyArray<readonly [string, string, Partial<Answer>]> = [
    ["a whole document", '{"candidates":[]}', { closed: true }],
    ["a document cut short", '{"candidates":[]', { truncated: true }],
    ["a whole array", `[${message(1, 2)}\n,\r\n${message(1, 3, "STOP")}\n]`, { closed: true }],
    ["an array cut after a message", `[${message(1, 2, "STOP")}\n`, { truncated: true }],
    ["an array cut inside a message", `[${message(1, 2, "STOP").slice(0, -1)}`, { truncated: true }],
    ["an empty array", "[]", {}],
    [
      "a stream whose last message has a finish reason",
      sse(message(1, 2), message(1, 3, "STOP")),
      { closed: true },
    ],
    [
      "a stream whose prompt was blocked",
      sse('{"promptFeedback":{"blockReason":"OTHER"}}'),
      { closed: true },
    ],
    ["a stream whose last message has none", sse(message(1, 2, "STOP"), message(1, 3)), {}],
    ["a stream whose last message has a null one", sse('{"candidates":[{"finishReason":null}]}'), {}],
    ["a stream without the last blank line", `data: ${message(1, 2, "STOP")}\n`, { closed: true }],
    ["a stream without the last line end", `data: ${message(1, 2, "STOP")}`, { closed: true }],
    [
      "a stream cut inside a message",
      sse(message(1, 2, "STOP")) + sse(message(1, 3)).slice(0, -10),
      { truncated: true },
    ],
    ["a stream cut between the line and the message", `${sse(message(1, 2))}data: `, {}],
    ["a stream with [DONE] at the end", `${sse(message(1, 2, "STOP"))}data: [DONE]\n\n`, { closed: true }],
    [
      "a stream whose last event stops inside its document",
      `${sse(message(1, 2, "STOP"))}data: {"a":\n\n`,
      {},
    ],
    [
      "a broken event with a finish reason before one without",
      `${sse(message(1, 2, "STOP").slice(0, -1), message(1, 3))}`,
      {},
    ],
    ["an error", ERROR, { failed: true }],
    ["an error in a list", `[${ERROR}]`, { failed: true }],
    ["an error as the last element", `[${message(1, 2, "STOP")},\r\n${ERROR}]`, { failed: true }],
    ["an error as an event", sse(message(1, 2, "STOP"), ERROR.replaceAll("\n", "")), { failed: true }],
    ["a bare error after events", sse(message(1, 2, "STOP")) + ERROR, { failed: true }],
    ["a bare error right after the data", `data: ${message(1, 2, "STOP")}\r\n${ERROR}`, { failed: true }],
    ["a bare error after half an event", `data: {"candidates":[{\n${ERROR}`, { failed: true }],
    ["a bare error cut short", sse(message(1, 2)) + ERROR.slice(0, 20), { truncated: true }],
    ["an error that is null", '{"error":null}', { closed: true }],
    ["nothing", "", {}],
    ["white space", " \r\n\t", {}],
    ["a text", "upstream connect error", {}],
    ["a page", "<html>data: {}</html>", {}],
    ["a string", '"{}"', {}],
  ]
  test.each(endings)("tells how the answer ended: %s", (_, text, expected) => {
    const { failed, closed, truncated } = read(text)
    expect({ failed, closed, truncated }).toEqual({
      failed: false,
      closed: false,
      truncated: false,
      ...expected,
    })
  })

  test("knows nothing of an answer that is not JSON", () => {
    for (const text of ["", "OK", "<html></html>", "data: x\n\n", "data: [DONE]\n\n", "null", "0"])
      expect(read(text)).toEqual(nothing)
  })

  test("keeps what it had read when an error ends the stream", () => {
    const answer = read(sse(message(5, 7), message(5, 9)) + ERROR)
    expect(counts(answer)).toEqual([5, 9, 14])
    expect(answer.failed).toBe(true)
  })

  test("keeps the last whole usage object when the stream is cut inside the next", () => {
    const stream = sse(message(5, 7), message(5, 9))
    const cut = stream.lastIndexOf("candidatesTokenCount")
    expect(counts(read(stream.slice(0, cut)))).toEqual([5, 7, 12])
  })

  test("tells the framing from the bytes: white space first, or a byte order mark", () => {
    for (const start of ["", " ", "\t", "\r\n \t\n ", "\uFEFF"])
      expect(counts(read(start + message(5, 7, "STOP")))).toEqual([5, 7, 12])
    for (const start of ["", "\n", "\r\n \t\n", "\uFEFF"])
      expect(counts(read(start + sse(message(5, 7, "STOP"))))).toEqual([5, 7, 12])
  })

  test("reads messages over several lines of data, but no number across two", () => {
    const lines = JSON.stringify(JSON.parse(message(5, 7, "STOP")), null, 1).split("\n")
    expect(counts(read(`${lines.map((line) => `data: ${line}`).join("\r\n")}\r\n\r\n`))).toEqual([5, 7, 12])
    expect(read('data: {"usageMetadata":{"promptTokenCount":1\ndata: 2}}\n\n').usage).toEqual(Option.none())
  })

  test("reads the usage of embeddings, whose total is the prompt", () => {
    const answer = read(
      '{"embeddings":[{"values":[0.1,-2e-5]}],"usageMetadata":{"promptTokenCount":4,"promptTokenDetails":[{"modality":"TEXT","tokenCount":4}]}}',
      "embedding",
    )
    expect(counts(answer)).toEqual([4, 0, 4])
    expect(answer.closed).toBe(true)
    expect(read('{"embedding":{"values":[1]}}', "embedding")).toEqual({ ...nothing, closed: true })
  })

  const numbers: ReadonlyArray<readonly [string, number | null]> = [
    ["0", 0],
    ["-0", 0],
    ["1e3", 1000],
    ["12.0", 12],
    ["2147483647", 2147483647],
    ["2147483648", null],
    ["1e309", null],
    ["-1", null],
    ["1.5", null],
    ['"12"', 12],
    ['"1e3"', null],
    ["null", 0],
    ["true", null],
    ["[1]", null],
  ]
  test.each(numbers)("reads a count of %s as %j", (text, expected) => {
    const answer = read(`{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":${text}}}`)
    expect(Option.getOrThrow(answer.usage).candidateTokens).toBe(expected)
  })

  test("reads what the messages say, in every framing and however it is cut", () => {
    const count = fc.option(fc.nat({ max: 9999 }), { nil: undefined })
    const name = fc.option(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), { nil: undefined })
    const content = fc.record({
      parts: fc.array(fc.record({ text: fc.string({ unit: "binary" }), x: fc.jsonValue({ maxDepth: 2 }) })),
    })
    const messages = fc.array(
      fc.record(
        {
          candidates: fc.array(
            fc.record({ content, finishReason: fc.constantFrom("STOP", "SAFETY", undefined, 1) }),
          ),
          usageMetadata: fc.record({
            promptTokenCount: count,
            candidatesTokenCount: count,
            totalTokenCount: count,
          }),
          modelVersion: name,
          responseId: name,
          other: fc.jsonValue({ maxDepth: 2 }),
        },
        { requiredKeys: [] },
      ),
      { minLength: 1, maxLength: 5 },
    )
    const framings: ReadonlyArray<(texts: ReadonlyArray<string>, lineEnd: string) => string> = [
      (texts) => `[${texts.join("\n,\r\n")}\n]`,
      (texts, lineEnd) => texts.map((text) => `data: ${text}${lineEnd}${lineEnd}`).join(""),
      (texts, lineEnd) =>
        texts.map((text) => `: c${lineEnd}id: 1${lineEnd}data:${text}${lineEnd}${lineEnd}`).join(""),
    ]
    fc.assert(
      fc.property(
        messages,
        fc.nat({ max: framings.length - 1 }),
        fc.constantFrom("\r\n", "\n", "\r"),
        fc.nat(),
        (said, framing, lineEnd, chance) => {
          const texts = said.map((one) => JSON.stringify(one))
          const bytes = bytesOf(framings[framing]?.(texts, lineEnd) ?? "")
          const reasons = said.map(({ candidates = [] }) =>
            candidates.map((one) => one.finishReason).filter(isDefined),
          )
          const usage = said.map((one) => one.usageMetadata).findLast(isDefined)
          const expected = {
            ...nothing,
            usage: usage === undefined ? Option.none() : contentUsage(usage),
            modelVersion: said.map((one) => one.modelVersion).findLast(isDefined) ?? null,
            responseId: said.map((one) => one.responseId).findLast(isDefined) ?? null,
            finishReason: reasons.flat().map(String).at(-1) ?? null,
            closed: framing === 0 || (reasons.at(-1)?.length ?? 0) > 0,
          }
          for (const chunks of [[bytes], chunksOf(bytes, 1), randomChunks(bytes, seededRandom(chance))])
            expect(answerOf(chunks)).toEqual(expected)
        },
      ),
      { numRuns: 300, seed: 20261121 },
    )
  })

  test("never throws, whatever the bytes", () => {
    const soup = fc
      .array(
        fc.constantFrom(...'{}[]:,"\\\r\n 1é'.split(""), "data:", '"error"', '"usageMetadata"', "\uFEFF"),
        { maxLength: 50 },
      )
      .map((parts) => bytesOf(parts.join("")))
    fc.assert(
      fc.property(fc.oneof(soup, fc.uint8Array()), fc.nat(), (bytes, chance) => {
        expect(answerOf(randomChunks(bytes, seededRandom(chance)))).toEqual(answerOf([bytes]))
      }),
      { numRuns: 3000, seed: 20261121 },
    )
  })

  const monotonous: ReadonlyArray<readonly [string, string]> = [
    ["data lines inside a string", `data: "${"\ndata: 01234567890123456789012345678901".repeat(25_000)}`],
    ["small events", sse('{"a":1}').repeat(60_000)],
    ["bare documents", "{}\n".repeat(300_000)],
    ["line ends in a document", `{"a":${"\r".repeat(1_000_000)}`],
    ["small usage objects", `[${'{"usageMetadata":{"promptTokenCount":1}},'.repeat(25_000)}`],
  ]
  test.each(monotonous)("takes time in proportion to a megabyte of %s", (_, text) => {
    const bytes = bytesOf(text)
    const start = performance.now()
    answerOf([bytes])
    answerOf(chunksOf(bytes.subarray(0, 200_000), 1))
    // Some milliseconds; what grows with the square takes minutes.
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

const isDefined = <A>(value: A | undefined): value is A => value !== undefined
