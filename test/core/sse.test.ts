import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { makeSseReader } from "../../src/core/sse.ts"
import { bytesOf, chunksOf, pushEach, randomChunks, seededRandom } from "../support/chunks.ts"

/** The data of each event that has any; of the last one too, if no blank line came. Bare documents end with their line. */
const events = (chunks: Iterable<Uint8Array>): ReadonlyArray<string> => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const texts: Array<string> = []
  let bytes: Array<number> = []
  const end = () => {
    if (bytes.length > 0) texts.push(decoder.decode(new Uint8Array(bytes)))
    bytes = []
  }
  const { push } = makeSseReader({
    onData: (chunk, from, to) => {
      for (let at = from; at < to; at++) bytes.push(chunk[at] as number)
    },
    onEvent: end,
    onBareJson: (chunk, from, to) => {
      for (let at = from; at < to; at++) {
        if (chunk[at] === 0x0a) return at
        bytes.push(chunk[at] as number)
      }
      return to
    },
  })
  pushEach(chunks, push)
  end()
  return texts
}

const eventsOf = (text: string) => events([bytesOf(text)])

/** The algorithm of the WHATWG event stream, as it is written there, on the whole text. */
const specifiedEvents = (stream: string): ReadonlyArray<string> => {
  const texts: Array<string> = []
  let data: Array<string> = []
  for (const line of [...stream.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/), ""]) {
    const [, field, value] = /^([^:]*)(?:: ?)?(.*)$/s.exec(line) ?? []
    if (line !== "") {
      if (field === "data" && line.includes(":")) data.push(value ?? "")
      continue
    }
    if (data.join("\n") !== "") texts.push(data.join("\n"))
    data = []
  }
  return texts
}

const SEED = 20261121

describe("an event stream reader", () => {
  test("finds the events that the specification finds, however the stream is cut", () => {
    const line = fc.oneof(
      { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => `data: ${text}`) },
      { weight: 4, arbitrary: fc.constant("") },
      fc.constantFrom(
        "data:",
        "data: ",
        "data:  x",
        "data:x",
        "data: :",
        "data: data: x",
        "data: {}",
        "data: [1]",
      ),
      fc.constantFrom("datax: y", "dat: y", "dada: y", "Data: y", " data: y", "x", "data", "\uFEFFdata: y"),
      fc.constantFrom(":", ": data: y", ":data: y", "event: e", "id: 1", "retry: 10", "id", 'x{"a":1}'),
    )
    const isPlain = (text: string) => !/[\r\n]/.test(text)
    const stream = fc
      .tuple(
        fc.constantFrom("", "", "\uFEFF"),
        fc.array(fc.tuple(line.filter(isPlain), fc.constantFrom("\r\n", "\n", "\r")), { maxLength: 12 }),
      )
      .map(([bom, lines]) => bom + lines.map((parts) => parts.join("")).join(""))
    fc.assert(
      fc.property(stream, fc.nat(), (text, chance) => {
        const bytes = bytesOf(text)
        const expected = JSON.stringify(specifiedEvents(text))
        for (const chunks of [[bytes], chunksOf(bytes, 1), randomChunks(bytes, seededRandom(chance))])
          expect(JSON.stringify(events(chunks))).toBe(expected)
      }),
      { numRuns: 3000, seed: SEED },
    )
  })

  const streams: ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> = [
    ["CRLF line ends", "data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]],
    ["LF line ends", "data: a\n\ndata: b\n\n", ["a", "b"]],
    ["CR line ends", "data: a\r\rdata: b\r\r", ["a", "b"]],
    ["mixed line ends", "data: a\r\n\ndata: b\n\rdata: c\r\r\ndata: d\r\r", ["a", "b", "c", "d"]],
    ["a byte order mark", "\uFEFFdata: a\n\n", ["a"]],
    ["data on several lines", "data: a\r\ndata:\r\ndata:  b\r\n\r\n", ["a\n\n b"]],
    ["other fields and comments", ": hi\nevent: e\nid: 1\ndata: a\nretry: 5\n: bye\n\n", ["a"]],
    ["no blank line at the end", "data: a\r\n\r\ndata: b", ["a", "b"]],
    ["nothing but blank lines", "\r\n\r\n\n\r", []],
    ["bytes that are no UTF-8 text's beginning", "dat\n\ndatadata: b\n\n", []],
  ]
  test.each(streams)("reads a stream with %s", (_, text, expected) => {
    for (const size of [1, 2, 3, 1000]) expect(events(chunksOf(bytesOf(text), size))).toEqual(expected)
  })

  const bare: ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> = [
    ["after an event", 'data: a\r\n\r\n{"error":1}\n', ["a", '{"error":1}']],
    ["on the line after the data, with no blank one", 'data: a\r\n{"error":1}\n', ["a", '{"error":1}']],
    ["as a list", "data: a\n\n[1]\n\n", ["a", "[1]"]],
    ["before the next event, with no blank line", "{1}\ndata: b\n\n", ["{1}", "b"]],
    ["at the end of the bytes", "data: a\n\n{1", ["a", "{1"]],
    ["first of all", "{1}\n", ["{1}"]],
    ["after a byte order mark", "\uFEFF{1}\n", ["{1}"]],
  ]
  test.each(bare)(
    "takes a line that begins with a bracket for a document of its own: %s",
    (_, text, expected) => {
      for (const size of [1, 2, 1000]) expect(events(chunksOf(bytesOf(text), size))).toEqual(expected)
    },
  )

  test("passes over what follows a bare document on its last line", () => {
    const { push } = makeSseReader({
      onData: () => expect.unreachable(),
      onEvent: () => {},
      onBareJson: (_chunk, from) => from + 1,
    })
    push(bytesOf("{ data: x data: y"))
  })

  test("takes a bracket for data when the line is data", () => {
    expect(eventsOf("data: {\ndata: }\n\ndata:[\n\n")).toEqual(["{\n}", "["])
  })

  test("hands over ranges of the chunk, and copies nothing", () => {
    const chunk = bytesOf("data: abc\r\n\r\ndata: de")
    const ranges: Array<string> = []
    const { push } = makeSseReader({
      onData: (bytes, from, to) => {
        expect(bytes).toBe(chunk)
        ranges.push(`${from}-${to}`)
      },
      onEvent: () => {},
      onBareJson: (_bytes, _from, to) => to,
    })
    push(chunk)
    expect(ranges).toEqual(["6-9", "19-21"])
  })

  const monotonous: ReadonlyArray<readonly [string, string]> = [
    ["line feeds", "\n"],
    ["carriage returns", "\r"],
    ["empty data", "data:\n"],
    ["data, and no carriage return", "data: x\n"],
    ["data, and no line feed", "data: x\r"],
    ["data prefixes", "data:"],
    ["brackets", "{\n"],
    ["comments", ":\n"],
    ["one long line", "x"],
  ]
  test.each(monotonous)("takes time in proportion to a megabyte of %s", (_, unit) => {
    const bytes = bytesOf(unit.repeat(1_000_000 / unit.length))
    const read = (chunks: Iterable<Uint8Array>) => {
      const { push } = makeSseReader({
        onData: () => {},
        onEvent: () => {},
        onBareJson: (_chunk, from) => from,
      })
      const start = performance.now()
      pushEach(chunks, push)
      return performance.now() - start
    }
    // Some milliseconds each; what grows with the square takes minutes.
    expect(read([bytes])).toBeLessThan(2000)
    expect(read(chunksOf(bytes.subarray(0, 200_000), 1))).toBeLessThan(2000)
  })
})
