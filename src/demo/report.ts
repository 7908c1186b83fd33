/** What the demo prints: pure functions from the recorded rows to text. Knows no database and no terminal. */
import type { RecordedCall } from "../db/recordedCalls.ts"
import { type Column, formatTable, type Paint } from "../table.ts"

interface ModelTotal {
  readonly model: string
  readonly calls: number
  readonly prompt: number
  readonly candidates: number
  readonly thoughts: number
  readonly total: number
}

const UNKNOWN = "–"

const left = <Row>(title: string, cell: (row: Row) => string): Column<Row> => ({ title, align: "left", cell })

const right = <Row>(title: string, count: (row: Row) => number | null): Column<Row> => ({
  title,
  align: "right",
  cell: (row) => count(row)?.toString() ?? UNKNOWN,
})

const timeOf = (date: Date): string => date.toISOString().slice(11, 23)

const callColumns: ReadonlyArray<Column<RecordedCall>> = [
  left("created (UTC)", (row) => timeOf(row.created_at)),
  left("endpoint", (row) => row.endpoint),
  left("model", (row) => row.model ?? UNKNOWN),
  { ...right("status", (row) => row.status), tone: (row) => ((row.status ?? 500) < 400 ? undefined : "red") },
  {
    ...left("outcome", (row) => row.outcome),
    tone: (row) => (row.outcome === "complete" ? undefined : "yellow"),
  },
  left("streamed", (row) => (row.streamed ? "yes" : "no")),
  right("prompt", (row) => row.prompt_tokens),
  right("candidates", (row) => row.candidate_tokens),
  right("thoughts", (row) => row.thoughts_tokens),
  right("total", (row) => row.total_tokens),
  right("latency ms", (row) => row.latency_ms),
  right("ttft ms", (row) => row.ttft_ms),
]

const totalColumns: ReadonlyArray<Column<ModelTotal>> = [
  left("model", (row) => row.model),
  right("calls", (row) => row.calls),
  right("prompt", (row) => row.prompt),
  right("candidates", (row) => row.candidates),
  right("thoughts", (row) => row.thoughts),
  right("total", (row) => row.total),
]

const totalsByModel = (rows: ReadonlyArray<RecordedCall>): ReadonlyArray<ModelTotal> => {
  const byModel = Map.groupBy(rows, (row) => row.model ?? UNKNOWN)
  const sum = (group: ReadonlyArray<RecordedCall>, count: (row: RecordedCall) => number | null) =>
    group.reduce((total, row) => total + (count(row) ?? 0), 0)
  return [...byModel].map(([model, group]) => ({
    model,
    calls: group.length,
    prompt: sum(group, (row) => row.prompt_tokens),
    candidates: sum(group, (row) => row.candidate_tokens),
    thoughts: sum(group, (row) => row.thoughts_tokens),
    total: sum(group, (row) => row.total_tokens),
  }))
}

export const formatCalls = (rows: ReadonlyArray<RecordedCall>, paint: Paint): string =>
  formatTable(callColumns, rows, paint)

export const formatTotals = (rows: ReadonlyArray<RecordedCall>, paint: Paint): string =>
  formatTable(totalColumns, totalsByModel(rows), paint)

/** A command to paste into a shell. */
export const formatCurl = (url: string, method: string, key: string): string =>
  [
    `curl -sN '${url}/v1beta/models/gemini-2.5-flash:${method}' \\`,
    `  -H 'x-goog-api-key: ${key}' -H 'content-type: application/json' \\`,
    `  -d '{"contents":[{"parts":[{"text":"Why is the sky blue?"}]}]}'`,
  ].join("\n")
