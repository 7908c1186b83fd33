/** Aligned columns of text for a terminal. Pure; what stands in them is decided elsewhere. */
import { styleText } from "node:util"

export type Tone = "bold" | "dim" | "yellow" | "red"
export type Paint = (tone: Tone, text: string) => string

export const plain: Paint = (_, text) => text
/** Without a look at the stream: whoever chooses this has looked. */
export const coloured: Paint = (tone, text) => styleText(tone, text, { validateStream: false })

export interface Column<Row> {
  readonly title: string
  readonly align: "left" | "right"
  readonly cell: (row: Row) => string
  readonly tone?: (row: Row) => Tone | undefined
}

const GAP = "  "

const pad = (text: string, width: number, align: "left" | "right"): string => {
  const space = " ".repeat(Math.max(0, width - Bun.stringWidth(text)))
  return align === "left" ? text + space : space + text
}

/** A line of titles and a line for each row, without a line end after the last. */
export const formatTable = <Row>(
  columns: ReadonlyArray<Column<Row>>,
  rows: ReadonlyArray<Row>,
  paint: Paint,
): string => {
  const widths = columns.map(({ title, cell }) =>
    Math.max(Bun.stringWidth(title), ...rows.map((row) => Bun.stringWidth(cell(row)))),
  )
  const line = (format: (column: Column<Row>, width: number) => string): string =>
    columns
      .map((column, index) => format(column, widths[index] ?? 0))
      .join(GAP)
      .trimEnd()
  const titles = line(({ title, align }, width) => paint("bold", pad(title, width, align)))
  const lines = rows.map((row) =>
    line(({ cell, align, tone }, width) => {
      const text = pad(cell(row), width, align)
      const chosen = tone?.(row)
      return chosen === undefined ? text : paint(chosen, text)
    }),
  )
  return [titles, ...lines].join("\n")
}
