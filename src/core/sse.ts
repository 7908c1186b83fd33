/**
 * Server-sent events, framing only: bytes in, the byte ranges of each event's data out, nothing buffered and nothing
 * copied. Follows the WHATWG event stream grammar (CRLF, LF and CR line ends, a leading BOM, comments, fields other
 * than `data` ignored), with one addition that Gemini needs: when a stream breaks, Google writes a bare JSON error with
 * no `data:` before it, so a line that begins with `{` or `[` starts plain JSON up to the end of that document.
 *
 * State machine: `start` of a line → `prefix` while the line may still be `data:` → `space` (one is optional after the
 * colon) → `data` up to the line end; `other` for any other line; `json` inside a bare document.
 */

export interface SseSink {
  /** A part of the present event's data is `chunk[from, to)`. Lines of one event are joined by a line feed. */
  readonly onData: (chunk: Uint8Array, from: number, to: number) => void
  /** The event is complete: a blank line, or a bare document begins or ends. */
  readonly onEvent: () => void
  /** A bare JSON document begins or goes on at `from`; returns where it ended, `to` when it has not. */
  readonly onBareJson: (chunk: Uint8Array, from: number, to: number) => number
}

export interface SseReader {
  readonly push: (chunk: Uint8Array) => void
}

type State = "start" | "prefix" | "space" | "data" | "other" | "json"

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const BOM = [0xef, 0xbb, 0xbf]
const LINE_FEED = new Uint8Array([LF])
const DATA = [0x64, 0x61, 0x74, 0x61, 0x3a]

export const makeSseReader = (sink: SseSink): SseReader => {
  let state: State = "start"
  /** The present event has had a line of data. */
  let hasData = false
  /** Bytes of `data:` seen on this line. */
  let matched = 0
  /** Bytes of a BOM seen at the start of the stream; past its length once the stream has begun. */
  let bom = 0
  /** The last byte was a CR: an LF that follows belongs to the same line end. */
  let afterCr = false

  const endLine = (byte: number): void => {
    const isBlank = state === "start"
    const isSecondHalf = isBlank && byte === LF && afterCr
    afterCr = byte === CR
    state = "start"
    if (isBlank && !isSecondHalf) endEvent()
  }

  const endEvent = (): void => {
    hasData = false
    sink.onEvent()
  }

  const beginLine = (byte: number): void => {
    matched = byte === DATA[0] ? 1 : 0
    state = matched === 1 ? "prefix" : "other"
    if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) return
    endEvent()
    state = "json"
  }

  const matchPrefix = (byte: number): void => {
    matched = byte === DATA[matched] ? matched + 1 : 0
    state = matched === DATA.length ? "space" : matched === 0 ? "other" : "prefix"
    if (state !== "space") return
    if (hasData) sink.onData(LINE_FEED, 0, 1)
    hasData = true
  }

  const push = (chunk: Uint8Array): void => {
    const end = chunk.length
    let nextLf = -1
    let nextCr = -1
    let at = 0
    while (at < end) {
      const byte = chunk[at] as number
      if (bom < BOM.length) {
        if (byte === BOM[bom]) {
          bom++
          at++
        } else bom = BOM.length
      } else if (state === "json") {
        at = sink.onBareJson(chunk, at, end)
        if (at < end) {
          endEvent()
          state = "other"
        }
      } else if (byte === LF || byte === CR) {
        endLine(byte)
        at++
      } else if (state === "start") {
        beginLine(byte)
        if (state !== ("json" as State)) at++
      } else if (state === "prefix") {
        matchPrefix(byte)
        at++
      } else if (state === "space") {
        state = "data"
        if (byte === SPACE) at++
      } else {
        if (nextLf < at) nextLf = indexOrEnd(chunk, LF, at)
        if (nextCr < at) nextCr = indexOrEnd(chunk, CR, at)
        const lineEnd = Math.min(nextLf, nextCr)
        if (state === "data") sink.onData(chunk, at, lineEnd)
        at = lineEnd
      }
    }
  }
  return { push }
}

const indexOrEnd = (chunk: Uint8Array, byte: number, from: number): number => {
  const index = chunk.indexOf(byte, from)
  return index === -1 ? chunk.length : index
}
