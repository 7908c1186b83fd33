/** The demo's report: columns line up, unknown counts are told from zeros, totals add up by model. */
import { describe, expect, test } from "bun:test"
import type { RecordedCall } from "../../src/db/recordedCalls.ts"
import { formatCalls, formatCurl, formatTotals } from "../../src/demo/report.ts"
import { coloured, formatTable, plain } from "../../src/table.ts"

const call: RecordedCall = {
  created_at: new Date("2026-03-04T05:06:07.089Z"),
  endpoint: "generateContent",
  model: "gemini-2.5-flash",
  status: 200,
  outcome: "complete",
  streamed: false,
  prompt_tokens: 5,
  candidate_tokens: 14,
  thoughts_tokens: 0,
  total_tokens: 19,
  latency_ms: 12,
  ttft_ms: 3,
}
const failed: RecordedCall = {
  ...call,
  endpoint: "streamGenerateContent",
  status: 503,
  outcome: "upstream_failed",
  streamed: true,
  prompt_tokens: null,
  candidate_tokens: null,
  thoughts_tokens: null,
  total_tokens: null,
  ttft_ms: null,
}

describe("formatTable()", () => {
  const columns = [
    { title: "name", align: "left", cell: (row: readonly [string, string]) => row[0] },
    { title: "n", align: "right", cell: (row: readonly [string, string]) => row[1] },
  ] as const

  test("aligns text to the left and numbers to the right, by width on the screen", () => {
    const rows = [
      ["日本", "1"],
      ["a", "1000"],
    ] as const
    expect(formatTable(columns, rows, plain)).toBe("name     n\n日本     1\na     1000")
  })

  test("is only its titles without rows", () => {
    expect(formatTable(columns, [], plain)).toBe("name  n")
  })

  test("is the same text in colour", () => {
    const painted = formatTable(columns, [["a", "1"]], coloured)
    expect(painted).toContain("\u001b[1m")
    expect(Bun.stripANSI(painted)).toBe(formatTable(columns, [["a", "1"]], plain))
  })
})

test("formatCalls() shows a count that is not known as a dash and zero as zero", () => {
  const lines = formatCalls([call, failed], plain).split("\n")
  expect(lines.map((line) => line.split(/ {2,}/).map((cell) => cell.trim()))).toEqual([
    [
      "created (UTC)",
      "endpoint",
      "model",
      "status",
      "outcome",
      "streamed",
      "prompt",
      "candidates",
      "thoughts",
      "total",
      "latency ms",
      "ttft ms",
    ],
    "05:06:07.089 generateContent gemini-2.5-flash 200 complete no 5 14 0 19 12 3".split(" "),
    "05:06:07.089 streamGenerateContent gemini-2.5-flash 503 upstream_failed yes – – – – 12 –".split(" "),
  ])
  expect(new Set(lines.map((line) => line.length)).size).toBe(1)
})

test("formatTotals() adds up by model, and unknown counts add nothing", () => {
  const other = { ...call, model: "gemini-2.5-pro", thoughts_tokens: 15, total_tokens: 34 }
  const lines = formatTotals([call, other, failed, call], plain).split("\n")
  expect(lines.slice(1).map((line) => line.split(/ +/))).toEqual([
    ["gemini-2.5-flash", "3", "10", "28", "0", "38"],
    ["gemini-2.5-pro", "1", "5", "14", "15", "34"],
  ])
})

test("formatCurl() is a command with the address, the method and the key in it", () => {
  const command = formatCurl("http://127.0.0.1:1", "generateContent", "tm_key")
  expect(command).toContain("'http://127.0.0.1:1/v1beta/models/gemini-2.5-flash:generateContent'")
  expect(command).toContain("'x-goog-api-key: tm_key'")
})
