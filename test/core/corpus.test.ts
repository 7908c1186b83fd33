/**
 * Answers of the real API, recorded by other projects, against what an index says is in them. They are not ours to
 * copy, so they are read where they lie: in `CORPUS_DIR`, or beside this repository.
 */
import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Option } from "effect"
import { type Answer, makeAnswerReader } from "../../src/core/exchange.ts"
import type { TokenUsage } from "../../src/core/usage.ts"
import { chunksOf, pushEach, randomChunks, seededRandom } from "../support/chunks.ts"

const DIRECTORY = process.env.CORPUS_DIR ?? join(import.meta.dir, "../../../shared/corpus")
const INDEX = join(DIRECTORY, "INDEX.tsv")

type Row = Readonly<Record<string, string>>

const parseRows = (tsv: string): ReadonlyArray<Row> => {
  const [header = "", ...lines] = tsv.split("\n").filter((line) => line !== "")
  const names = header.split("\t")
  return lines.map((line) => {
    const cells = line.split("\t")
    return Object.fromEntries(names.map((name, column) => [name, cells[column] ?? ""]))
  })
}

const KINDS = ["unary", "sse", "json-array"]
const ENDPOINTS = /^(generateContent|streamGenerateContent|embedContent|batchEmbedContents|fixture-\w+)$/

const isEmbedding = (row: Row): boolean => row.endpoint?.includes("mbedContent") === true

const number = (cell: string | undefined): number => Number(cell || "0")

/** An absent count is zero in a usage object; embeddings have no total, which is the prompt. */
const expectedCounts = (row: Row): Partial<TokenUsage> | null =>
  row.has_usage === "yes"
    ? {
        promptTokens: number(row.prompt),
        candidateTokens: number(row.candidates),
        totalTokens: number(isEmbedding(row) ? row.total || row.prompt : row.total),
        thoughtsTokens: number(row.thoughts),
        cachedTokens: number(row.cached),
        toolUseTokens: number(row.tool_use),
      }
    : null

const expectedAnswer = (row: Row) => {
  const reason = row.finish_reasons?.split(",").at(-1) || row.block_reason || null
  const failed = row.mid_stream_error !== ""
  return {
    counts: expectedCounts(row),
    modelVersion: row.model_version?.replace("models/", "") || null,
    responseId: row.response_id || null,
    finishReason: reason,
    failed,
    // A stream says that it ends by a finish reason in its last message.
    closed: !failed && (row.kind !== "sse" || reason !== null),
    truncated: false,
  }
}

const summary = ({ usage, ...rest }: Answer) => ({
  ...rest,
  counts: Option.getOrNull(
    Option.map(usage, ({ details, serviceTier, consistent, ...counts }): Partial<TokenUsage> => counts),
  ),
})

const read = (row: Row, chunks: Iterable<Uint8Array>): Answer => {
  const reader = makeAnswerReader(isEmbedding(row) ? "embedding" : "content")
  pushEach(chunks, reader.push)
  return reader.answer()
}

/** In ways of chance. For a file of 100 KB and more, of which most is one string, some do. */
const chunkings = (size: number): number => (size < 100_000 ? 200 : 40)

if (existsSync(INDEX)) {
  const rows = parseRows(readFileSync(INDEX, "utf8")).filter(
    ({ kind = "", endpoint = "" }) => KINDS.includes(kind) && ENDPOINTS.test(endpoint),
  )
  describe("a recorded answer is read as the index says, however it is cut:", () => {
    test("there are some of each kind", () => {
      for (const kind of KINDS) expect(rows.filter((row) => row.kind === kind).length).toBeGreaterThan(10)
    })

    test.each(rows.map((row) => [row.local_file ?? "", row] as const))("%s", (file, row) => {
      const bytes = new Uint8Array(readFileSync(join(DIRECTORY, file)))
      const whole = read(row, [bytes])
      expect(summary(whole)).toEqual(expectedAnswer(row))
      expect(read(row, chunksOf(bytes, 1))).toEqual(whole)
      const random = seededRandom(bytes.length)
      for (let chunking = 0; chunking < chunkings(bytes.length); chunking++)
        expect(read(row, randomChunks(bytes, random))).toEqual(whole)
    })
  })
} else {
  console.log(`recorded answers are not tested: there is no ${INDEX}; CORPUS_DIR names another place`)
  test.skip("a recorded answer is read as the index says", () => {})
}
