/**
 * JSON as bytes, below the level of documents: bytes that mean something between tokens, where a string ends, what a
 * whole value says. Everything is a function of its arguments; what a document is made of is not known here.
 */

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_BRACE = 0x7b
export const CLOSE_BRACE = 0x7d
export const OPEN_BRACKET = 0x5b
export const CLOSE_BRACKET = 0x5d

export const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

export const endsScalar = (byte: number): boolean =>
  byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte)

export const isNull = (bytes: Uint8Array, from: number, to: number): boolean =>
  to - from === 4 && bytes[from] === 0x6e

/** Whether `bytes[from, to)` is `expected`. */
export const equals = (expected: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean => {
  if (expected.length !== to - from) return false
  for (let at = 0; at < expected.length; at++) if (expected[at] !== bytes[from + at]) return false
  return true
}

/** What `stringEnd` answers when the bytes end first: plainly, or after a backslash that escapes the next byte. */
const CUT = -1
export const CUT_ESCAPED = -2

/** So many bytes of a string are scanned by a loop before the vectorised `indexOf`, whose call costs as much as they do. */
const SCANNED_BYTES = 24

/** The index after the quote that ends the string which `bytes[from]` is inside of. */
export const stringEnd = (bytes: Uint8Array, from: number, isEscaped: boolean): number => {
  const end = bytes.length
  let escaped = isEscaped
  let at = from
  while (at < end) {
    const scanEnd = Math.min(end, at + SCANNED_BYTES)
    while (at < scanEnd) {
      const byte = bytes[at++]
      if (escaped) escaped = false
      else if (byte === BACKSLASH) escaped = true
      else if (byte === QUOTE) return at
    }
    const quote = bytes.indexOf(QUOTE, at)
    const stop = quote === -1 ? end : quote
    escaped = endsEscaped(bytes, at, stop, escaped)
    at = stop
  }
  return escaped ? CUT_ESCAPED : CUT
}

/** Whether `bytes[from, to)`, inside a string and without a quote that ends it, leaves an escape open. */
const endsEscaped = (bytes: Uint8Array, from: number, to: number, isEscaped: boolean): boolean => {
  let start = to
  while (start > from && bytes[start - 1] === BACKSLASH) start--
  const open = start === from && isEscaped ? 1 : 0
  return (to - start + open) % 2 === 1
}

const decoder = new TextDecoder()

/** Undefined when the bytes are no JSON. */
export const parseJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    return undefined
  }
}
