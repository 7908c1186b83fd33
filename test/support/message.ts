/** HTTP/1.1 messages as they are on the wire: heads and bodies of a connection, with nothing decoded, merged or lost. */
import { type Connection, soon } from "./connection.ts"

/** Header fields in their order, names as they were sent. */
export type Fields = ReadonlyArray<readonly [name: string, value: string]>

export interface Message {
  /** `POST /v1/x HTTP/1.1` or `HTTP/1.1 200 OK`. */
  readonly startLine: string
  readonly fields: Fields
  /** All values of a header, joined as HTTP allows; null when it is not there. */
  readonly header: (name: string) => string | null
  /** There is no body. */
  readonly isEmpty: boolean
  /** The next chunk of a chunked body, or the next bytes of another; none after the last. Rejects when the body is cut off. */
  readonly nextChunk: () => Promise<Uint8Array | undefined>
  /** The rest of the body. */
  readonly body: () => Promise<Uint8Array>
}

const CRLF = "\r\n"

/** Reads up to and with `delimiter`, which is left out of the result. */
const readUntil = async (connection: Connection, delimiter: string): Promise<string> => {
  let bytes = Buffer.alloc(0)
  for (;;) {
    const at = bytes.indexOf(delimiter)
    if (at !== -1) {
      connection.unread(bytes.subarray(at + delimiter.length))
      return bytes.toString("latin1", 0, at)
    }
    const more = await connection.read()
    if (more === undefined)
      throw new Error(`the connection ended after ${bytes.length} bytes of a head or chunk`)
    bytes = Buffer.concat([bytes, more])
  }
}

const readExactly = async (connection: Connection, length: number): Promise<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  let missing = length
  while (missing > 0) {
    const bytes = await connection.read()
    if (bytes === undefined) throw new Error(`the body was cut off, ${missing} bytes before its end`)
    pieces.push(bytes.subarray(0, missing))
    connection.unread(bytes.subarray(missing))
    missing -= Math.min(missing, bytes.length)
  }
  return Buffer.concat(pieces)
}

const readChunk = async (connection: Connection): Promise<Uint8Array | undefined> => {
  const size = Number.parseInt(await readUntil(connection, CRLF), 16)
  const bytes = await readExactly(connection, size)
  await readUntil(connection, CRLF)
  return size === 0 ? undefined : bytes
}

/** The bytes of a body of a known length as they come. */
const readPieces = (connection: Connection, length: number) => {
  let missing = length
  return async (): Promise<Uint8Array | undefined> => {
    if (missing === 0) return undefined
    const bytes = await connection.read()
    if (bytes === undefined) throw new Error(`the body was cut off, ${missing} bytes before its end`)
    const piece = bytes.subarray(0, missing)
    connection.unread(bytes.subarray(missing))
    missing -= piece.length
    return piece
  }
}

const parseFields = (lines: ReadonlyArray<string>): Fields =>
  lines.map((line) => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })

/** Reads a head. `isBodiless`: an answer to HEAD, which has the header of a body and none. */
export const readMessage = async (
  connection: Connection,
  { isBodiless = false }: { readonly isBodiless?: boolean } = {},
): Promise<Message> => {
  const [startLine = "", ...lines] = (await readUntil(connection, CRLF + CRLF)).split(CRLF)
  const fields = parseFields(lines)
  const header = (name: string): string | null => {
    const values = fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
    return values.length === 0 ? null : values.join(", ")
  }
  const length = header("content-length")
  const isChunked = header("transfer-encoding") !== null
  const isRequest = !startLine.startsWith("HTTP/")
  const isEmpty =
    isBodiless ||
    /^HTTP\/1\.1 (1\d\d|204|304)/.test(startLine) ||
    (!isChunked && (length === "0" || (isRequest && length === null)))
  const next = isEmpty
    ? async () => undefined
    : isChunked
      ? () => readChunk(connection)
      : length === null
        ? connection.read
        : readPieces(connection, Number(length))
  let hasEnded = false
  const nextChunk = async () => {
    if (hasEnded) return undefined
    const bytes = await soon("the next part of a body", next())
    hasEnded = bytes === undefined
    return bytes
  }
  const body = async () => {
    const chunks: Array<Uint8Array> = []
    for (let chunk = await nextChunk(); chunk !== undefined; chunk = await nextChunk()) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  return { startLine, fields, header, isEmpty, nextChunk, body }
}

/** A chunk of the chunked coding; an empty one is the last. */
export const chunk = (bytes: Uint8Array | string): Uint8Array => {
  const content = typeof bytes === "string" ? Buffer.from(bytes) : bytes
  const size = Buffer.from(content.length.toString(16) + CRLF)
  return Buffer.concat([size, content, Buffer.from(CRLF)])
}

export const LAST_CHUNK = chunk("")

export const head = (startLine: string, fields: Fields): string =>
  [startLine, ...fields.map(([name, value]) => `${name}: ${value}`), "", ""].join(CRLF)
