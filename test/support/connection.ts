/**
 * One end of a TCP connection of a test, as bytes: writes exactly what it is given, hands out what arrived, and tells
 * how the peer ended. It reads no further ahead than `READ_AHEAD`, so a test that does not read holds its peer back.
 */
import type { Socket } from "bun"

export interface Connection {
  /** Resolves once the operating system has taken every byte; rejects when the connection closed before. */
  readonly write: (bytes: Uint8Array | string) => Promise<void>
  /** The next bytes, as they arrived; none when nothing more comes. */
  readonly read: () => Promise<Uint8Array | undefined>
  /** Gives back bytes, which are then the next to be read. */
  readonly unread: (bytes: Uint8Array) => void
  /** Closes in order (FIN). */
  readonly end: () => void
  /** Closes with a reset (RST). */
  readonly reset: () => void
  /** How it was closed, whichever side did it. */
  readonly closed: Promise<Ending>
}

export type Ending = "ended" | "reset"

/** Bytes read ahead of the test before the socket is left alone, so that the peer feels it. */
const READ_AHEAD = 64 * 1024

/** Less than a test may take, so that it is this that fails. */
const PATIENCE = 4_000

/** Waits for `promise`, but not for ever: past the limit the test fails, and says what it waited for. */
export const soon = async <A>(what: string, promise: Promise<A>, millis = PATIENCE): Promise<A> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`waited ${millis} ms for ${what}`)), millis)
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer))
}

type Wired = { connection?: Connection; events?: Events }

interface Events {
  readonly data: (bytes: Uint8Array) => void
  readonly drain: () => void
  readonly end: () => void
  readonly close: (error: Error | undefined) => void
}

const attach = (socket: Socket<Wired>): Connection => {
  const arrived: Array<Uint8Array> = []
  let ahead = 0
  let isOver = false
  let hasReset = false
  let wake = () => {}
  let drained = () => {}
  const closed = Promise.withResolvers<Ending>()

  socket.data.events = {
    data: (bytes) => {
      arrived.push(Buffer.from(bytes))
      ahead += bytes.length
      if (ahead > READ_AHEAD) socket.pause()
      wake()
    },
    drain: () => drained(),
    end: () => {
      isOver = true
      wake()
    },
    close: (error) => {
      isOver = true
      closed.resolve(hasReset || error !== undefined ? "reset" : "ended")
      wake()
      drained()
    },
  }

  return {
    write: async (bytes) => {
      let rest = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes
      for (;;) {
        if (socket.readyState !== 1) throw new Error("the connection is closed")
        rest = rest.subarray(Math.max(0, socket.write(rest)))
        if (rest.length === 0) return
        await new Promise<void>((resolve) => {
          drained = resolve
        })
      }
    },
    read: async () => {
      while (arrived.length === 0 && !isOver)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      const bytes = arrived.shift()
      ahead -= bytes?.length ?? 0
      if (ahead <= READ_AHEAD && !isOver) socket.resume()
      return bytes
    },
    unread: (bytes) => {
      if (bytes.length === 0) return
      arrived.unshift(bytes)
      ahead += bytes.length
    },
    end: () => socket.end(),
    reset: () => {
      hasReset = true
      socket.terminate()
    },
    closed: closed.promise,
  }
}

const handlers = (onOpen: (connection: Connection) => void) => ({
  open: (socket: Socket<Wired>) => {
    socket.data ??= {}
    socket.data.connection = attach(socket)
    onOpen(socket.data.connection)
  },
  data: (socket: Socket<Wired>, bytes: Uint8Array) => socket.data.events?.data(bytes),
  drain: (socket: Socket<Wired>) => socket.data.events?.drain(),
  end: (socket: Socket<Wired>) => socket.data.events?.end(),
  close: (socket: Socket<Wired>, error?: Error) => socket.data.events?.close(error),
})

/** Resolves once connected; rejects when nobody listens there. */
export const connect = async (origin: string): Promise<Connection> => {
  const { hostname, port } = new URL(origin)
  const opened = Promise.withResolvers<Connection>()
  const socket = handlers(opened.resolve)
  await Bun.connect<Wired>({ hostname, port: Number(port), data: {}, socket })
  return soon("a connection", opened.promise)
}

export interface Listener {
  readonly port: number
  readonly stop: () => void
}

export const listen = (onConnection: (connection: Connection) => void): Listener => {
  const socket = handlers(onConnection)
  const listener = Bun.listen<Wired>({ hostname: "127.0.0.1", port: 0, data: {}, socket })
  return { port: listener.port, stop: () => listener.stop(true) }
}
