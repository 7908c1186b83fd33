/**
 * Bytes of JSON in, a few wanted fields out, in memory that does not grow with the body: strings are skipped, not
 * decoded, and only the wanted values are kept. Any chunk split, any nesting, any bytes. It is a reader of a third
 * party's JSON, not a validator: on malformed input it finds fewer fields, and it never throws.
 *
 * State machine, one state per byte position between tokens:
 *   value    a value is due; `target` is what it matches
 *   key      in a tracked object, a key or `}` is due
 *   colon    after a key
 *   after    after a value in a tracked container, `,` or a closing bracket is due
 *   skip     inside a container that has no tracked children; leaves when its brackets are balanced
 *   scalar   inside a number or literal
 *   string / keyString  inside a string
 * Containers on the path to a wanted field are tracked on a stack, whose depth is bounded by the wanted paths; all
 * deeper nesting is a counter.
 */
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  CUT_ESCAPED,
  endsScalar,
  isNull,
  isSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  stringEnd,
} from "./jsonBytes.ts"
import { type Container, memberTarget, type Target } from "./wantedFields.ts"

export interface FieldSink {
  /**
   * The JSON of a wanted field is `bytes[from, to)` while the call lasts; it is empty when it was too large. A null is
   * not reported: in the JSON of protocol buffers it says what an absent field says.
   */
  readonly onField: (name: string, bytes: Uint8Array, from: number, to: number) => void
  /** A message (the document, or an element of the top-level array) has ended. */
  readonly onMessage: () => void
}

export interface FieldReader {
  /** Reads `chunk[from, to)` and returns where it stopped: `to`, or earlier when the document has ended. Keeps no reference to the chunk. */
  readonly push: (chunk: Uint8Array, from: number, to: number) => number
  /** Whether a document has begun and not ended. */
  readonly isInside: () => boolean
  /** Forgets everything; the next byte starts a new document. */
  readonly reset: () => void
}

/** Largest wanted value kept, in bytes. A usage object is under 2 KB; a larger one is reported as unreadable. */
export const FIELD_LIMIT = 64 * 1024

type State = "value" | "key" | "colon" | "after" | "skip" | "scalar" | "string" | "keyString" | "done"

interface Level {
  readonly container: Container
  readonly isArray: boolean
}

const NOTHING = new Uint8Array(0)

export const makeFieldReader = (document: Container, sink: FieldSink): FieldReader => {
  let state: State = "value"
  const levels: Array<Level> = []
  /** What the value that is due, or being read, matches. */
  let target: Target = document
  /** Open brackets inside a value that is skipped or captured. */
  let depth = 0
  /** Inside a string, the next byte is escaped. */
  let escaped = false
  /** Where in the present chunk the captured bytes begin; -1 when none are captured. */
  let captureFrom = -1
  /** What was captured in earlier chunks; `heldSize` goes on counting past the limit. */
  let held = NOTHING
  let heldSize = 0

  const reset = (): void => {
    state = "value"
    levels.length = 0
    target = document
    depth = 0
    escaped = false
    captureFrom = -1
    heldSize = 0
  }

  const hold = (bytes: Uint8Array, end: number): void => {
    const size = heldSize + end - captureFrom
    if (size <= FIELD_LIMIT) {
      if (size > held.length) {
        const grown = new Uint8Array(Math.max(size, 2 * held.length))
        grown.set(held)
        held = grown
      }
      held.set(bytes.subarray(captureFrom, end), heldSize)
    }
    heldSize = size
  }

  /** Adds the last bytes to what is held, and says how many there are: none if they are too many. */
  const release = (bytes: Uint8Array, end: number): number => {
    hold(bytes, end)
    const size = heldSize > FIELD_LIMIT ? 0 : heldSize
    heldSize = 0
    return size
  }

  const report = (name: string, bytes: Uint8Array, from: number, to: number): void => {
    if (!isNull(bytes, from, to)) sink.onField(name, bytes, from, to)
  }

  const endValue = (bytes: Uint8Array, end: number): void => {
    if (captureFrom !== -1 && typeof target === "string") {
      if (heldSize === 0 && end - captureFrom <= FIELD_LIMIT) report(target, bytes, captureFrom, end)
      else {
        const size = release(bytes, end)
        report(target, held, 0, size)
      }
      captureFrom = -1
    }
    state = levels.length === 0 ? "done" : "after"
  }

  const endKey = (bytes: Uint8Array, end: number): void => {
    const { container } = levels[levels.length - 1] as Level
    if (heldSize === 0) target = memberTarget(container, bytes, captureFrom, end)
    else {
      const size = release(bytes, end)
      target = memberTarget(container, held, 0, size)
    }
    captureFrom = -1
    state = "colon"
  }

  const openContainer = (isArray: boolean): void => {
    if (target === null || typeof target === "string") {
      depth = 1
      state = "skip"
      return
    }
    levels.push({ container: target, isArray })
    target = target.elements
    state = isArray ? "value" : "key"
  }

  const closeContainer = (bytes: Uint8Array, end: number): void => {
    const level = levels.pop()
    const isMessage = level?.container === document || level?.container === document.elements
    if (isMessage && !level?.isArray) sink.onMessage()
    endValue(bytes, end)
  }

  const beginValue = (bytes: Uint8Array, at: number): void => {
    const byte = bytes[at]
    if (byte === COMMA) return
    if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      closeContainer(bytes, at + 1)
      return
    }
    if (typeof target === "string") captureFrom = at
    if (byte === QUOTE) state = "string"
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) openContainer(byte === OPEN_BRACKET)
    else state = "scalar"
  }

  /** Takes a byte between tokens. */
  const step = (bytes: Uint8Array, at: number): void => {
    const byte = bytes[at]
    if (state === "value") beginValue(bytes, at)
    else if (state === "colon") state = byte === COLON ? "value" : state
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) closeContainer(bytes, at + 1)
    else if (state === "key" && byte === QUOTE) {
      captureFrom = at
      state = "keyString"
    } else if (state === "after" && byte === COMMA) {
      const { container, isArray } = levels[levels.length - 1] as Level
      target = container.elements
      state = isArray ? "value" : "key"
    }
  }

  const readString = (bytes: Uint8Array, from: number): number => {
    const end = stringEnd(bytes, from, escaped)
    escaped = end === CUT_ESCAPED
    if (end < 0) return bytes.length
    if (state === "keyString") endKey(bytes, end)
    else if (depth > 0) state = "skip"
    else endValue(bytes, end)
    return end
  }

  const readScalar = (bytes: Uint8Array, from: number): number => {
    let at = from
    while (at < bytes.length && !endsScalar(bytes[at] as number)) at++
    if (at < bytes.length) endValue(bytes, at)
    return at
  }

  const skipNested = (bytes: Uint8Array, from: number): number => {
    const end = bytes.length
    let open = depth
    let at = from
    while (at < end) {
      const byte = bytes[at++] as number
      if (byte === QUOTE) {
        const next = stringEnd(bytes, at, false)
        if (next < 0) {
          escaped = next === CUT_ESCAPED
          state = "string"
          at = end
        } else at = next
      } else if (byte >= OPEN_BRACKET) {
        // Below the brackets, nothing but a quote matters here.
        if (byte === OPEN_BRACE || byte === OPEN_BRACKET) open++
        else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --open === 0) {
          depth = 0
          endValue(bytes, at)
          return at
        }
      }
    }
    depth = open
    return end
  }

  const push = (chunk: Uint8Array, from: number, to: number): number => {
    // `indexOf` has no end to stop at: without this a chunk of many short ranges would be searched to its end for each.
    const bytes = to === chunk.length ? chunk : chunk.subarray(0, to)
    if (captureFrom !== -1) captureFrom = from
    let at = from
    while (at < to && state !== "done") {
      if (state === "skip") at = skipNested(bytes, at)
      else if (state === "string" || state === "keyString") at = readString(bytes, at)
      else if (state === "scalar") at = readScalar(bytes, at)
      else {
        if (!isSpace(bytes[at] as number)) step(bytes, at)
        at++
      }
    }
    if (captureFrom !== -1) hold(bytes, at)
    return at
  }

  return { push, reset, isInside: () => levels.length > 0 }
}
