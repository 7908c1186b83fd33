/**
 * Bytes of JSON in, a few wanted fields out, in memory that does not grow with the body: strings are skipped, not
 * decoded, and only the wanted values are kept. Any chunk split, any nesting, any bytes. It is a reader of a third
 * party's JSON, not a validator: on malformed input it finds fewer fields, and it never throws.
 *
 * State machine, one state per byte position between tokens:
 *   value    a value is due; `parent` is the wanted node it would match
 *   key      in a tracked object, a key or `}` is due
 *   colon    after a key
 *   after    after a value in a tracked container, `,` or a closing bracket is due
 *   skip     inside a value that has no tracked children; leaves when its brackets are balanced
 *   scalar   inside a number or literal
 *   string / keyString  inside a string
 * Containers on the path to a wanted field are tracked on a stack, whose depth is bounded by the wanted paths; all
 * deeper nesting is a counter.
 */

/** Wanted fields, as a tree: a name is a leaf (capture the value under that name), `*` stands for every element of an array. */
export interface Wanted {
  readonly [key: string]: Wanted | string
}

export interface FieldSink {
  /** `value` is the parsed JSON of a wanted field, or undefined when it was too large or malformed. */
  readonly onField: (name: string, value: unknown) => void
  /** A message (the document, or an element of the top-level array) has ended. */
  readonly onMessage: () => void
}

export interface FieldReader {
  /** Reads `chunk[from, to)` and returns where it stopped: `to`, or earlier when the document has ended. Keeps no reference to the chunk. */
  readonly push: (chunk: Uint8Array, from: number, to: number) => number
  /** Whether a document has begun and not ended. */
  readonly isInside: () => boolean
  /** Whether a whole document has been read since the last reset. */
  readonly isDone: () => boolean
  /** Forgets everything; the next byte starts a new document. */
  readonly reset: () => void
}

/** Largest wanted value kept, in bytes. A usage object is under 2 KB; a larger one is reported as unreadable. */
export const FIELD_LIMIT = 64 * 1024

type State = "value" | "key" | "colon" | "after" | "skip" | "scalar" | "string" | "keyString" | "done"

interface Level {
  /** What the elements (array) or the members (object) are matched against. */
  readonly node: Wanted
  readonly isArray: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Up to this length a string is scanned by a loop; a call of the vectorised `indexOf` costs as much as these bytes. */
const SHORT_STRING = 24

export const makeFieldReader = (message: Wanted, sink: FieldSink): FieldReader => {
  let state: State = "value"
  let levels: Array<Level> = []
  /** What the value that is due matches: a node to track, the name of a leaf to capture, or nothing. */
  let target: Wanted | string | null = message
  /** Open brackets inside a value that is skipped or captured. */
  let depth = 0
  /** Inside a string, the bytes so far end in an odd run of backslashes. */
  let escaped = false
  let capture: Capture | null = null

  const reset = (): void => {
    state = "value"
    levels = []
    target = message
    depth = 0
    escaped = false
    capture = null
  }

  const endValue = (chunk: Uint8Array, end: number): void => {
    if (capture !== null) {
      const { name } = capture
      sink.onField(name, parse(finishCapture(capture, chunk, end)))
      capture = null
    }
    state = levels.length === 0 ? "done" : "after"
  }

  const closeContainer = (chunk: Uint8Array, end: number): void => {
    const level = levels.pop()
    if (level !== undefined && level.node === message && !level.isArray) sink.onMessage()
    endValue(chunk, end)
  }

  const openContainer = (isArray: boolean): void => {
    const node =
      typeof target === "string" ? null : isArray && levels.length > 0 ? elementsOf(target) : target
    if (node === null) {
      depth = 1
      state = "skip"
      return
    }
    levels.push({ node, isArray })
    target = node
    state = isArray ? "value" : "key"
  }

  const beginValue = (chunk: Uint8Array, at: number): void => {
    const byte = chunk[at]
    if (byte === COMMA) return
    if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      closeContainer(chunk, at + 1)
      return
    }
    if (typeof target === "string") capture = beginCapture(target, at, FIELD_LIMIT)
    depth = 0
    if (byte === QUOTE) state = "string"
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) openContainer(byte === OPEN_BRACKET)
    else state = "scalar"
  }

  const endKey = (chunk: Uint8Array, end: number): void => {
    const node = levels.at(-1)?.node
    const key = capture === null ? undefined : parse(finishCapture(capture, chunk, end))
    capture = null
    target =
      node !== undefined && typeof key === "string" && Object.hasOwn(node, key) ? (node[key] ?? null) : null
    state = "colon"
  }

  /** Skips to the end of the string and returns the index after its quote, or `to`. */
  const skipString = (chunk: Uint8Array, from: number, to: number): number => {
    let at = from
    const loopEnd = Math.min(to, from + SHORT_STRING)
    while (at < loopEnd) {
      const byte = chunk[at++]
      if (escaped) escaped = false
      else if (byte === BACKSLASH) escaped = true
      else if (byte === QUOTE) return endString(chunk, at)
    }
    while (at < to) {
      const quote = chunk.indexOf(QUOTE, at)
      const stop = quote === -1 || quote >= to ? to : quote
      escaped = endsEscaped(chunk, at, stop, escaped)
      if (stop === to) return to
      at = stop + 1
      if (escaped) escaped = false
      else return endString(chunk, at)
    }
    return to
  }

  const endString = (chunk: Uint8Array, end: number): number => {
    if (state === "keyString") endKey(chunk, end)
    else if (depth > 0) state = "skip"
    else endValue(chunk, end)
    return end
  }

  /** Skips inside nested containers up to the next string or the end of the value. */
  const skipNested = (chunk: Uint8Array, from: number, to: number): number => {
    for (let at = from; at < to; at++) {
      const byte = chunk[at]
      if (byte === QUOTE) {
        state = "string"
        return at + 1
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) {
        endValue(chunk, at + 1)
        return at + 1
      }
    }
    return to
  }

  const push = (chunk: Uint8Array, from: number, to: number): number => {
    if (capture !== null) capture.from = from
    let at = from
    while (at < to) {
      if (state === "string" || state === "keyString") at = skipString(chunk, at, to)
      else if (state === "skip") at = skipNested(chunk, at, to)
      else if (state === "done") return at
      else {
        const byte = chunk[at] as number
        if (state === "scalar") {
          if (!endsScalar(byte)) at++
          else endValue(chunk, at)
          continue
        }
        if (!isSpace(byte)) {
          if (state === "value") beginValue(chunk, at)
          else if (state === "colon") state = byte === COLON ? "value" : state
          else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) closeContainer(chunk, at + 1)
          else if (state === "after") {
            const level = levels.at(-1)
            if (byte === COMMA && level !== undefined) {
              target = level.node
              state = level.isArray ? "value" : "key"
            }
          } else if (byte === QUOTE) {
            capture = beginCapture("", at, KEY_LIMIT)
            state = "keyString"
          }
        }
        at++
      }
    }
    if (capture !== null) keepPiece(capture, chunk, to)
    return to
  }

  return { push, reset, isDone: () => state === "done", isInside: () => levels.length > 0 || depth > 0 }
}

/** Longest key that can match a wanted one, quotes and `\u` escapes included. */
const KEY_LIMIT = 256

interface Capture {
  readonly name: string
  readonly limit: number
  /** Where the part in the present chunk begins. */
  from: number
  /** Copies of the parts in earlier chunks; null once the limit was passed. */
  pieces: Array<Uint8Array> | null
  size: number
}

const beginCapture = (name: string, from: number, limit: number): Capture => ({
  name,
  limit,
  from,
  pieces: [],
  size: 0,
})

const keepPiece = (capture: Capture, chunk: Uint8Array, to: number): void => {
  capture.size += to - capture.from
  if (capture.size > capture.limit) capture.pieces = null
  capture.pieces?.push(chunk.slice(capture.from, to))
}

/** The captured bytes, or null when there were too many. */
const finishCapture = (capture: Capture, chunk: Uint8Array, to: number): Uint8Array | null => {
  if (capture.pieces?.length === 0 && to - capture.from <= capture.limit)
    return chunk.subarray(capture.from, to)
  keepPiece(capture, chunk, to)
  return capture.pieces === null ? null : Buffer.concat(capture.pieces)
}

const decoder = new TextDecoder()

const parse = (bytes: Uint8Array | null): unknown => {
  if (bytes === null) return undefined
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    return undefined
  }
}

const elementsOf = (node: Wanted | null): Wanted | null => {
  const elements = node?.["*"]
  return typeof elements === "object" ? elements : null
}

/** Whether `chunk[from, to)`, inside a string and without a quote that ends it, leaves an escape open. */
const endsEscaped = (chunk: Uint8Array, from: number, to: number, escapedBefore: boolean): boolean => {
  let start = to
  while (start > from && chunk[start - 1] === BACKSLASH) start--
  const open = start === from && escapedBefore ? 1 : 0
  return (to - start + open) % 2 === 1
}

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const endsScalar = (byte: number): boolean =>
  byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte)
