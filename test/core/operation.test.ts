import { describe, expect, test } from "bun:test"
import { isMetered, type Operation, operationOf } from "../../src/core/operation.ts"

const content = (name: string, model: string): Operation => ({
  name,
  surface: "content",
  model,
  streamed: name === "streamGenerateContent",
})

const metered: ReadonlyArray<readonly [string, Operation]> = [
  ["/v1beta/models/gemini-2.5-flash:generateContent", content("generateContent", "gemini-2.5-flash")],
  ["/v1/models/gemini-2.5-pro:streamGenerateContent", content("streamGenerateContent", "gemini-2.5-pro")],
  ["/v1alpha/models/gemini-3.8-flash:generateContent", content("generateContent", "gemini-3.8-flash")],
  ["/v1beta/tunedModels/my-model-1:generateContent", content("generateContent", "tunedModels/my-model-1")],
  ["/v1beta/dynamic/id:streamGenerateContent", content("streamGenerateContent", "dynamic/id")],
  [
    "/v1beta/models/gemini-embedding-2:embedContent",
    { name: "embedContent", surface: "embedding", model: "gemini-embedding-2", streamed: false },
  ],
  [
    "/v1beta/models/gemini-embedding-2:batchEmbedContents",
    { name: "batchEmbedContents", surface: "embedding", model: "gemini-embedding-2", streamed: false },
  ],
  ["/v1beta/models/gemini-2.5-flash%3AgenerateContent", content("generateContent", "gemini-2.5-flash")],
  ["/v1beta/models/gemini-2.5-flash%3agenerateContent", content("generateContent", "gemini-2.5-flash")],
  ["/v1beta/models/gemini-2.5-flash:%67enerateContent", content("generateContent", "gemini-2.5-flash")],
  ["/v1beta/%6dodels/gemini-2.5-flash:generateContent", content("generateContent", "gemini-2.5-flash")],
  ["/v1beta/models%2Fgemini-2.5-flash:generateContent", content("generateContent", "gemini-2.5-flash")],
  ["/v1beta/models/a%20b%C3%A9:generateContent", content("generateContent", "a bé")],
  ["/v1beta/models/a:b:generateContent", content("generateContent", "a:b")],
  ["/v1beta/models/100%:generateContent", content("generateContent", "100%")],
  ["/v1beta/models/a%00b%0A:generateContent", content("generateContent", "ab\n")],
  [`/v1beta/models/${"m".repeat(1000)}:generateContent`, content("generateContent", "m".repeat(256))],
]

const unmetered: ReadonlyArray<readonly [string, string]> = [
  ["POST", "/v1beta/models/gemini-2.5-flash:countTokens"],
  ["POST", "/v1beta/models/gemini-2.5-flash:predict"],
  ["POST", "/v1beta/models/gemini-2.5-flash:GenerateContent"],
  ["POST", "/v1beta/models/gemini-2.5-flash:generateContents"],
  ["POST", "/v1beta/models/gemini-2.5-flash:constructor"],
  ["POST", "/v1beta/models/gemini-2.5-flash:toString"],
  ["POST", "/v1beta/models/gemini-2.5-flash:valueOf"],
  ["POST", "/v1beta/models/gemini-2.5-flash"],
  ["POST", "/v1beta/models/:generateContent"],
  ["POST", "/v1beta/cachedContents"],
  ["POST", "/v1beta/files/x:generateContent"],
  ["POST", "/upload/v1beta/models/x:generateContent"],
  ["POST", "/models/x:generateContent"],
  ["POST", "/v2/models/x:generateContent"],
  ["POST", "/"],
  ["POST", ""],
  ["GET", "/v1beta/models"],
  ["GET", "/v1beta/models/gemini-2.5-flash:generateContent"],
  ["post", "/v1beta/models/gemini-2.5-flash:generateContent"],
]

describe("operationOf()", () => {
  test.each(metered)("takes POST %s for a generation", (path, operation) => {
    expect(operationOf("POST", path)).toEqual(operation)
    expect(isMetered(operationOf("POST", path))).toBe(true)
  })

  test.each(unmetered)("takes %s %s for no generation", (method, path) => {
    const operation = operationOf(method, path)
    expect(operation.surface).toBe("none")
    expect(isMetered(operation)).toBe(false)
  })

  test("names an operation that it does not meter, and keeps its model", () => {
    expect(operationOf("POST", "/v1beta/models/m:countTokens")).toEqual({
      name: "countTokens",
      surface: "none",
      model: "m",
      streamed: false,
    })
    expect(operationOf("GET", "/v1beta/models")).toEqual({
      name: "other",
      surface: "none",
      model: null,
      streamed: false,
    })
  })

  test("takes time in proportion to the path", () => {
    const start = performance.now()
    for (const unit of [":a", "a:", ":", "a", "%3a", "/"])
      operationOf("POST", `/v1beta/models/${unit.repeat(100_000)}1`)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})
