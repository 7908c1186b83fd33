/**
 * An upstream on raw sockets: the test takes each request as it arrives, byte for byte, and writes what it likes, when
 * it likes. Nothing is answered by itself.
 */
import { type Connection, listen, soon } from "./connection.ts"
import { type Fields, head, type Message, readMessage } from "./message.ts"

export interface Arrival extends Message {
  readonly connection: Connection
  /** Reads the request to its end, then answers it with a body of that length. */
  readonly answer: (status: string, fields: Fields, body?: Uint8Array | string) => Promise<void>
  /** Reads the request to its end, then begins a chunked answer. */
  readonly beginChunked: (status: string, fields?: Fields) => Promise<void>
}

export interface RawUpstream {
  /** An origin. */
  readonly url: string
  /** The next request, once its head is there. */
  readonly next: () => Promise<Arrival>
  /** How many requests have arrived and were not taken. */
  readonly pending: () => number
  readonly stop: () => void
}

export const startRawUpstream = (): RawUpstream => {
  const arrivals: Array<Arrival> = []
  let wake = () => {}

  const serve = async (connection: Connection): Promise<void> => {
    for (;;) {
      const message = await readMessage(connection)
      const read = Promise.withResolvers<void>()
      if (message.isEmpty) read.resolve()
      const nextChunk = async () => {
        const bytes = await message.nextChunk()
        if (bytes === undefined) read.resolve()
        return bytes
      }
      const body = () => message.body().finally(read.resolve)
      const answer: Arrival["answer"] = async (status, fields, content = "") => {
        await body()
        const bytes = typeof content === "string" ? Buffer.from(content) : content
        const all = [...fields, ["content-length", String(bytes.length)] as const]
        await connection.write(Buffer.concat([Buffer.from(head(`HTTP/1.1 ${status}`, all), "latin1"), bytes]))
      }
      const beginChunked: Arrival["beginChunked"] = async (status, fields = []) => {
        await body()
        await connection.write(head(`HTTP/1.1 ${status}`, [...fields, ["transfer-encoding", "chunked"]]))
      }
      arrivals.push({ ...message, nextChunk, body, connection, answer, beginChunked })
      wake()
      // The next request on this connection begins where this one ends.
      await read.promise
    }
  }

  const take = async (): Promise<Arrival> => {
    for (;;) {
      const arrival = arrivals.shift()
      if (arrival !== undefined) return arrival
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  // A connection without a request, or whose peer went away, is done with.
  const listener = listen((connection) => void serve(connection).catch(() => {}))
  return {
    url: `http://127.0.0.1:${listener.port}`,
    next: () => soon("a request at the upstream", take()),
    pending: () => arrivals.length,
    stop: listener.stop,
  }
}
