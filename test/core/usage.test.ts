import { describe, expect, test } from "bun:test"
import { Option } from "effect"
import fc from "fast-check"
import { contentUsage, embeddingUsage, type TokenUsage } from "../../src/core/usage.ts"

const zero: TokenUsage = {
  promptTokens: 0,
  candidateTokens: 0,
  totalTokens: 0,
  cachedTokens: 0,
  thoughtsTokens: 0,
  toolUseTokens: 0,
  details: null,
  serviceTier: null,
  consistent: true,
}

const contents: ReadonlyArray<readonly [string, object, Partial<TokenUsage>]> = [
  [
    "every count",
    {
      promptTokenCount: 100,
      candidatesTokenCount: 20,
      thoughtsTokenCount: 30,
      toolUsePromptTokenCount: 5,
      cachedContentTokenCount: 64,
      totalTokenCount: 155,
    },
    {
      promptTokens: 100,
      candidateTokens: 20,
      thoughtsTokens: 30,
      toolUseTokens: 5,
      cachedTokens: 64,
      totalTokens: 155,
    },
  ],
  [
    "an absent count as zero",
    { promptTokenCount: 12, totalTokenCount: 12 },
    { promptTokens: 12, totalTokens: 12 },
  ],
  ["an empty object as zeros", {}, {}],
  ["an object without any count as zeros", { trafficType: "ON_DEMAND" }, {}],
  [
    "a missing prompt as what the total leaves over",
    { candidatesTokenCount: 1, thoughtsTokenCount: 122, totalTokenCount: 698 },
    { promptTokens: 575, candidateTokens: 1, thoughtsTokens: 122, totalTokens: 698 },
  ],
  [
    "a null prompt as a missing one",
    { promptTokenCount: null, toolUsePromptTokenCount: 8, totalTokenCount: 18 },
    { promptTokens: 10, toolUseTokens: 8, totalTokens: 18 },
  ],
  [
    "a missing prompt as zero when the total is missing too",
    { candidatesTokenCount: 21, thoughtsTokenCount: 300 },
    { candidateTokens: 21, thoughtsTokens: 300, consistent: false },
  ],
  [
    "an explicit zero prompt as zero",
    { promptTokenCount: 0, candidatesTokenCount: 1, totalTokenCount: 10 },
    { candidateTokens: 1, totalTokens: 10, consistent: false },
  ],
  [
    "counts that do not add up as they are",
    { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 16 },
    { promptTokens: 10, candidateTokens: 5, totalTokens: 16, consistent: false },
  ],
  [
    "decimal strings as counts",
    { promptTokenCount: "7", candidatesTokenCount: "05", totalTokenCount: "12" },
    { promptTokens: 7, candidateTokens: 5, totalTokens: 12 },
  ],
  [
    "a count that is none as unknown, without spoiling its neighbours",
    { promptTokenCount: 7, candidatesTokenCount: "many", totalTokenCount: 12 },
    { promptTokens: 7, candidateTokens: null, totalTokens: 12, consistent: false },
  ],
  [
    "a prompt that cannot be derived as unknown",
    { candidatesTokenCount: -1, totalTokenCount: 12 },
    { promptTokens: null, candidateTokens: null, totalTokens: 12, consistent: false },
  ],
  ["the service tier", { serviceTier: "flex" }, { serviceTier: "flex" }],
  ["a service tier that is no text as none", { serviceTier: 1 }, {}],
  ["counts of the prototype as absent", JSON.parse('{"__proto__":{"promptTokenCount":5}}'), {}],
]

describe("contentUsage()", () => {
  test.each(contents)("reads %s", (_, value, expected) => {
    expect(contentUsage(value)).toEqual(Option.some({ ...zero, ...expected }))
  })

  test.each([[null], [undefined], [[]], [[{ promptTokenCount: 1 }]], ["{}"], [12], [true]])(
    "finds none in %j",
    (value) => {
      expect(contentUsage(value)).toEqual(Option.none())
      expect(embeddingUsage(value)).toEqual(Option.none())
    },
  )

  const counts: ReadonlyArray<readonly [unknown, number | null]> = [
    [0, 0],
    [-0, 0],
    [1e3, 1000],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, null],
    [Number.POSITIVE_INFINITY, null],
    [Number.NaN, null],
    [-1, null],
    [0.5, null],
    ["2147483648", null],
    ["12345678901", null],
    ["-1", null],
    ["1e3", null],
    ["0x10", null],
    [" 12", null],
    ["", null],
    [null, 0],
    [undefined, 0],
    [true, null],
    [[3], null],
    [{}, null],
    [12n, null],
  ]
  test.each(counts)("takes %p for the count %p", (value, expected) => {
    expect(Option.getOrThrow(contentUsage({ candidatesTokenCount: value })).candidateTokens).toBe(expected)
    expect(Option.getOrThrow(embeddingUsage({ promptTokenCount: value })).promptTokens).toBe(expected)
  })

  test("keeps the counts by modality under the names that they come by, and nothing else of them", () => {
    const usage = contentUsage({
      promptTokensDetails: [{ modality: "TEXT", tokenCount: 5, text: "secret" }, { modality: "AUDIO" }],
      candidatesTokensDetails: [{ modality: 1, tokenCount: "7" }],
      cacheTokensDetails: ["secret", null, ["secret"], { modality: { a: 1 }, tokenCount: "secret" }],
      toolUsePromptTokensDetails: {},
      billablePromptUsage: { textCount: 3 },
    })
    expect(Option.getOrThrow(usage).details).toEqual({
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: 5 },
        { modality: "AUDIO", tokenCount: 0 },
      ],
      candidatesTokensDetails: [{ modality: 1, tokenCount: 7 }],
      cacheTokensDetails: [{ modality: null, tokenCount: null }],
    })
  })

  test("keeps no more entries of a breakdown than there can be modalities", () => {
    const promptTokensDetails = Array.from({ length: 1000 }, () => ({ modality: "TEXT", tokenCount: 1 }))
    const { details } = Option.getOrThrow(contentUsage({ promptTokensDetails }))
    expect(details?.promptTokensDetails).toHaveLength(32)
  })
})

describe("embeddingUsage()", () => {
  test("takes the prompt for the total, which embeddings do not report", () => {
    expect(embeddingUsage({ promptTokenCount: 8 })).toEqual(
      Option.some({ ...zero, promptTokens: 8, totalTokens: 8 }),
    )
    expect(embeddingUsage({ promptTokenCount: 8, totalTokenCount: null })).toEqual(
      Option.some({ ...zero, promptTokens: 8, totalTokens: 8 }),
    )
  })

  test("takes a total that is reported as it is", () => {
    expect(embeddingUsage({ promptTokenCount: 8, totalTokenCount: 9 })).toEqual(
      Option.some({ ...zero, promptTokens: 8, totalTokens: 9, consistent: false }),
    )
  })

  test("reads the breakdown under either spelling of its name", () => {
    for (const name of ["promptTokenDetails", "promptTokensDetails"]) {
      const usage = embeddingUsage({ promptTokenCount: 8, [name]: [{ modality: "IMAGE", tokenCount: 8 }] })
      expect(Option.getOrThrow(usage).details).toEqual({ [name]: [{ modality: "IMAGE", tokenCount: 8 }] })
    }
  })
})

test("contentUsage() and embeddingUsage() are total: counts are whole numbers of 32 bits, or null", () => {
  const names = [
    "promptTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
    "promptTokensDetails",
    "serviceTier",
  ]
  const anything = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...names), fc.jsonValue()))
  const isCount = (value: number | null) =>
    value === null || (Number.isInteger(value) && value >= 0 && value <= 2 ** 31 - 1)
  fc.assert(
    fc.property(anything, (value) => {
      for (const read of [contentUsage, embeddingUsage]) {
        const usage = Option.getOrNull(read(value))
        if (usage === null) continue
        const { promptTokens, candidateTokens, totalTokens, cachedTokens, thoughtsTokens, toolUseTokens } =
          usage
        const all = [promptTokens, candidateTokens, totalTokens, cachedTokens, thoughtsTokens, toolUseTokens]
        expect(all.every(isCount)).toBe(true)
      }
    }),
    { numRuns: 1000, seed: 20261121 },
  )
})
