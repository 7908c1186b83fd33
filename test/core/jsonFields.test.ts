import { heapStats } from "bun:jsc"
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { parseJson } from "../../src/core/jsonBytes.ts"
import { FIELD_LIMIT, makeFieldReader } from "../../src/core/jsonFields.ts"
import { documentOf } from "../../src/core/wantedFields.ts"
import { bytesOf, chunksOf, pushEach, randomChunks, seededRandom } from "../support/chunks.ts"
import { jsonText } from "../support/jsonTexts.ts"

const DOCUMENT = documentOf({
  usageMetadata: "usage",
  error: "error",
  candidates: { "*": { finishReason: "reason" } },
  promptFeedback: { blockReason: "block" },
})

/** What one message said: its own fields by name, and what its candidates said, in their order. */
interface Message {
  readonly fields: Record<string, unknown>
  readonly reasons: Array<unknown>
}

const emptyMessage = (): Message => ({ fields: {}, reasons: [] })

const makeReader = () => {
  const messages: Array<Message> = []
  let message = emptyMessage()
  const reader = makeFieldReader(DOCUMENT, {
    onField: (name, bytes, from, to) => {
      const value = parseJson(bytes.subarray(from, to))
      if (name === "reason") message.reasons.push(value)
      else message.fields[name] = value
    },
    onMessage: () => {
      messages.push(message)
      message = emptyMessage()
    },
  })
  return { ...reader, messages, unfinished: () => message }
}

const read = (chunks: Iterable<Uint8Array>) => {
  const reader = makeReader()
  pushEach(chunks, (chunk) => reader.push(chunk, 0, chunk.length))
  return reader
}

const readText = (text: string) => read([bytesOf(text)])

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const own = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined

const isPresent = (value: unknown): boolean => value !== undefined && value !== null

/** The same from a parsed document: slow, all at once, and plainly right. */
const parsedMessages = (text: string): Array<Message> => {
  const document: unknown = JSON.parse(text)
  return (Array.isArray(document) ? document : [document]).filter(isObject).map((message) => {
    const fields = {
      usage: own(message, "usageMetadata"),
      error: own(message, "error"),
      block: own(own(message, "promptFeedback"), "blockReason"),
    }
    const candidates = own(message, "candidates")
    return {
      fields: Object.fromEntries(Object.entries(fields).filter(([, value]) => isPresent(value))),
      reasons: Array.isArray(candidates)
        ? candidates.map((candidate) => own(candidate, "finishReason")).filter(isPresent)
        : [],
    }
  })
}

/** As a text, because `toEqual` takes its time, and in one order of the fields. */
const canonical = (messages: ReadonlyArray<Message>): string =>
  JSON.stringify(messages.map(({ fields, reasons }) => [Object.entries(fields).sort(byKey), reasons]))

const byKey = ([left]: [string, unknown], [right]: [string, unknown]): number => (left < right ? -1 : 1)

const arbitraryJson = jsonText({
  keys: [
    ...["usageMetadata", "error", "candidates", "finishReason", "promptFeedback", "blockReason"],
    ...["*", "__proto__", "constructor", "content"],
  ],
  once: ["candidates", "finishReason", "promptFeedback", "blockReason"],
})

/** Properties run on the same inputs each time. */
const SEED = 20261121

describe("a field reader", () => {
  test("reads of any JSON, however it is cut, what JSON.parse reads", () => {
    let fields = 0
    fc.assert(
      fc.property(arbitraryJson, fc.nat(), (text, chance) => {
        const bytes = bytesOf(text)
        const random = seededRandom(chance)
        const expected = parsedMessages(text)
        for (const { fields: own, reasons } of expected) fields += Object.keys(own).length + reasons.length
        for (const chunks of [[bytes], chunksOf(bytes, 1), randomChunks(bytes, random)]) {
          const reader = read(chunks)
          expect(canonical(reader.messages)).toBe(canonical(expected))
          expect(reader.isInside()).toBe(false)
        }
      }),
      { numRuns: 1500, seed: SEED },
    )
    // The inputs do have what is looked for.
    expect(fields).toBeGreaterThan(500)
  })

  test("reads a value of any JSON, however it is cut, as JSON.parse does", () => {
    fc.assert(
      fc.property(arbitraryJson, fc.nat(), (text, chance) => {
        fc.pre(text.trim() !== "null")
        const bytes = bytesOf(`{"text":"}\\"","usageMetadata":${text}}`)
        const expected = JSON.stringify(JSON.parse(text))
        for (const chunks of [[bytes], chunksOf(bytes, 1), randomChunks(bytes, seededRandom(chance))])
          expect(JSON.stringify(read(chunks).messages[0]?.fields.usage)).toBe(expected)
      }),
      { numRuns: 1000, seed: SEED },
    )
  })

  test("never throws, whatever the bytes", () => {
    const garbage = fc.uint8Array({ maxLength: 200 })
    const structural = fc
      .array(fc.constantFrom(...'{}[],:"\\ n0'.split(""), '"usageMetadata"', '"candidates"'), {
        maxLength: 60,
      })
      .map((tokens) => bytesOf(tokens.join("")))
    const damaged = fc.tuple(arbitraryJson, fc.nat(), fc.nat({ max: 255 })).map(([text, at, byte]) => {
      const bytes = bytesOf(text)
      bytes[at % bytes.length] = byte
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(garbage, structural, damaged), fc.nat(), (bytes, chance) => {
        const whole = read([bytes])
        const cut = read(randomChunks(bytes, seededRandom(chance)))
        expect(canonical(cut.messages)).toBe(canonical(whole.messages))
        expect(canonical([cut.unfinished()])).toBe(canonical([whole.unfinished()]))
        expect(cut.isInside()).toBe(whole.isInside())
      }),
      { numRuns: 3000, seed: SEED },
    )
  })

  const decoys: ReadonlyArray<readonly [string, string]> = [
    [
      "a level deeper",
      '{"content":{"usageMetadata":1},"candidates":[{"usageMetadata":2,"content":{"finishReason":"X"}}]}',
    ],
    ["inside a string", '{"text":"\\"usageMetadata\\":1,","b":"{\\"error\\":2}","c":"\\\\\\"error\\":3"}'],
    ["as a value", '{"a":"usageMetadata","b":"error"}'],
    ["after a string that ends in backslashes", '{"a":"\\\\","b":{"error":1},"c":"\\\\\\\\","d":["error"]}'],
    ["as the beginning or the end of another key", '{"errors":1,"anerror":2,"usageMetadat":3,"err":4,"":5}'],
    [
      "in the wrong kind of container",
      '{"candidates":{"finishReason":"X","*":{"finishReason":"Y"}},"promptFeedback":[{"blockReason":"Z"}]}',
    ],
    ["in an array inside the array", '[[{"usageMetadata":1}],{"candidates":[[{"finishReason":"X"}]]}]'],
    ["in another case", '{"USAGEMETADATA":1,"Error":2,"usage_metadata":3}'],
    [
      "on the prototype",
      '{"__proto__":{"usageMetadata":1},"constructor":{"error":2},"toString":3,"hasOwnProperty":4}',
    ],
  ]
  test.each(decoys)("does not take a wanted key %s for the field", (_, text) => {
    const { messages } = readText(text)
    expect(messages.length).toBeGreaterThan(0)
    for (const message of messages) expect(message).toEqual(emptyMessage())
  })

  const spellings: ReadonlyArray<readonly [string, unknown]> = [
    ['{"error":1,"error":2}', 2],
    ['{"\\u0065rror":1}', 1],
    ['{"\\u0065\\u0072\\u0072\\u006F\\u0072":1}', 1],
    ['\n{\r\n\t"error" \n:\t 1 \r\n}\n', 1],
    ['{"error":-0.5e-3}', -0.0005],
    ['{"error":1E400}', Number.POSITIVE_INFINITY],
    ['{"error":""}', ""],
    ['{"error":"\\ud83d\\ude00 \\u0000"}', "😀 \u0000"],
    ['{"error":false}', false],
    ['{"error":[[],{"error":{}}]}', [[], { error: {} }]],
  ]
  test.each(spellings)("reads the field of %j as %j", (text, value) => {
    for (const chunks of [[bytesOf(text)], chunksOf(bytesOf(text), 1)])
      expect(read(chunks).messages).toEqual([{ fields: { error: value }, reasons: [] }])
  })

  test("does not report a null", () => {
    const text =
      '{"error":null,"usageMetadata": null ,"candidates":[{"finishReason":null},{"finishReason":"STOP"}]}'
    expect(readText(text).messages).toEqual([{ fields: {}, reasons: ["STOP"] }])
    expect(read(chunksOf(bytesOf(text), 1)).messages).toEqual([{ fields: {}, reasons: ["STOP"] }])
  })

  test("counts each object of the top-level array as a message, and nothing else", () => {
    expect(readText("{}").messages).toHaveLength(1)
    expect(readText("[]").messages).toHaveLength(0)
    expect(readText('[{},[{}],1,"{}",null,{"a":{}}]').messages).toHaveLength(2)
    expect(readText('"{}" ').messages).toHaveLength(0)
    expect(readText("12 ").messages).toHaveLength(0)
  })

  test("says whether the bytes stop inside a document", () => {
    const text = ' [{"a":[1,{"b":"c"}],"error":{"x":true}}] '
    const bytes = bytesOf(text)
    for (let end = 0; end <= bytes.length; end++)
      expect(read([bytes.subarray(0, end)]).isInside()).toBe(
        end > text.indexOf("[") && end <= text.lastIndexOf("]"),
      )
  })

  test("stops where the document ends, and reads no second one before a reset", () => {
    const bytes = bytesOf('{"error":1} {"error":2}')
    const reader = makeReader()
    expect(reader.push(bytes, 0, bytes.length)).toBe(11)
    expect(reader.push(bytes, 11, bytes.length)).toBe(11)
    expect(reader.messages).toHaveLength(1)
    reader.reset()
    expect(reader.push(bytes, 11, bytes.length)).toBe(bytes.length)
    expect(reader.messages.map(({ fields }) => fields.error)).toEqual([1, 2])
  })

  test("forgets on reset whatever it was in the middle of", () => {
    const text = '{"candidates":[{"finishReason":"a\\"b"}],"usageMetadata":{"a":["b\\\\",1]},"error":12}'
    for (const next of ['{"error":"after"}', '{"":"","error":"after"}', '[{"error":"after"}]']) {
      for (let end = 0; end < text.length; end++) {
        const reader = makeReader()
        const half = bytesOf(text.slice(0, end))
        reader.push(half, 0, half.length)
        reader.reset()
        const before = reader.messages.length
        const whole = bytesOf(next)
        reader.push(whole, 0, whole.length)
        expect(reader.messages.slice(before).map(({ fields }) => fields.error)).toEqual(["after"])
      }
    }
  })

  test("reads only the part of the chunk that it is given", () => {
    const bytes = bytesOf('{"error":9}{"error":"1"}{"error":9}')
    const reader = makeReader()
    reader.push(bytes, 11, 21)
    reader.push(bytes, 21, 24)
    expect(reader.messages.map(({ fields }) => fields.error)).toEqual(["1"])
  })

  test("keeps a value of FIELD_LIMIT bytes; a larger one is unreadable, and what follows is read", () => {
    for (const excess of [0, 1, FIELD_LIMIT]) {
      const value = "x".repeat(FIELD_LIMIT - 2 + excess)
      const bytes = bytesOf(`{"error":"${value}","usageMetadata":{"a":1}}`)
      for (const chunks of [[bytes], chunksOf(bytes, 1), chunksOf(bytes, 1000)]) {
        const { fields } = read(chunks).messages[0] ?? emptyMessage()
        expect(fields).toEqual({ error: excess === 0 ? value : undefined, usage: { a: 1 } })
      }
    }
  })

  test("does not take the beginning of a number that is too long for the number", () => {
    const bytes = bytesOf(`{"error":${"1".repeat(FIELD_LIMIT + 500)}}`)
    for (const chunks of [[bytes], chunksOf(bytes, 1000), chunksOf(bytes, FIELD_LIMIT)])
      expect(read(chunks).messages[0]).toEqual({ fields: { error: undefined }, reasons: [] })
  })

  test("passes over a key of any length", () => {
    const bytes = bytesOf(
      `{"${"k".repeat(3 * FIELD_LIMIT)}":1,"${"\\u0065".repeat(FIELD_LIMIT)}":2,"error":3}`,
    )
    for (const chunks of [[bytes], chunksOf(bytes, 1000)])
      expect(read(chunks).messages).toEqual([{ fields: { error: 3 }, reasons: [] }])
  })

  test("is at ease with deep nesting", () => {
    const depth = 1_000_000
    const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`
    expect(readText(`{"a":${nested},"error":1}`).messages).toEqual([{ fields: { error: 1 }, reasons: [] }])
    const shallow = `${'{"a":['.repeat(5000)}${"]}".repeat(5000)}`
    expect(readText(`{"error":${shallow},"usageMetadata":2}`).messages[0]?.fields.usage).toBe(2)
  })

  test("holds no more than a few times FIELD_LIMIT, whatever does not end", () => {
    const beginnings = [
      '{"usageMetadata":"',
      '{"usageMetadata":{"a":"',
      '{"',
      '{"text":"',
      '{"candidates":[',
      "[",
      '{"error":1',
    ]
    const used = () => {
      Bun.gc(true)
      const { heapSize, extraMemorySize } = heapStats()
      return heapSize + extraMemorySize
    }
    const chunk = new Uint8Array(1024 * 1024).fill(0x31)
    const before = used()
    const readers = beginnings.map((beginning) => {
      const reader = makeReader()
      reader.push(bytesOf(beginning), 0, beginning.length)
      for (let megabytes = 0; megabytes < 20; megabytes++) reader.push(chunk, 0, chunk.length)
      for (let at = 0; at < 50_000; at++) reader.push(chunk, at, at + 1)
      return reader
    })
    expect(used() - before).toBeLessThan(readers.length * 4 * FIELD_LIMIT)
  })

  const monotonous: ReadonlyArray<readonly [string, string]> = [
    ["backslashes", `{"a":"${"\\".repeat(1_000_000)}`],
    ["escaped quotes", `{"a":"${'\\"'.repeat(500_000)}`],
    ["quotes", '"'.repeat(1_000_000)],
    ["quotes in an object", `{"a":{${'"'.repeat(1_000_000)}`],
    ["brackets", "[".repeat(1_000_000)],
    ["keys", `{${'"a":1,'.repeat(150_000)}`],
    ["wanted keys", `{${'"error":1,'.repeat(100_000)}`],
    ["escaped keys", `{${'"\\u0061":1,'.repeat(80_000)}`],
    ["commas", `[${",".repeat(1_000_000)}`],
    ["a wanted string", `{"error":"${"\\\\".repeat(500_000)}`],
  ]
  test.each(monotonous)("takes time in proportion to a megabyte of %s", (_, text) => {
    const bytes = bytesOf(text)
    // Some milliseconds each; what grows with the square takes minutes.
    expect(elapsed(() => read([bytes]))).toBeLessThan(2000)
    expect(elapsed(() => read(chunksOf(bytes.subarray(0, 200_000), 1)))).toBeLessThan(2000)
  })
})

const elapsed = (run: () => void): number => {
  const start = performance.now()
  run()
  return performance.now() - start
}
