/**
 * One keep-alive HTTP/1.1 connection of the load generator: writes prebuilt requests one after the other and finds where
 * each answer begins and ends. It looks at bytes no more than it has to, so that it does not become what is measured.
 */

export interface Answered {
  readonly isOk: boolean
  /** Of the first byte of the body and of the last one, by `performance.now`. */
  readonly firstByteAt: number
  readonly endedAt: number
}

export interface Connection {
  readonly send: (request: Buffer, onAnswer: (answer: Answered) => void) => void
  readonly close: () => void
}

const blankLine = "\r\n\r\n"
const lineEnd = "\r\n"

type Phase = "head" | "length" | "size" | "chunk" | "end"

/** Reads one answer after the other; `push` says whether the current one ended. */
const makeReader = () => {
  let phase: Phase = "head"
  /** An unfinished head or chunk size. */
  let held: Buffer | undefined
  let left = 0
  const reader = { status: 0, hasBody: false, push }
  return reader

  function push(bytes: Buffer): boolean {
    const data = held === undefined ? bytes : Buffer.concat([held, bytes])
    held = undefined
    for (let at = 0; at < data.length; ) {
      if (phase === "head") {
        const end = data.indexOf(blankLine, at)
        if (end < 0) return hold(data, at)
        const head = data.toString("latin1", at, end)
        const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
        reader.status = Number(head.slice(9, 12))
        reader.hasBody = false
        phase = length === undefined ? "size" : "length"
        left = Number(length ?? 0)
        at = end + blankLine.length
      } else if (phase === "size") {
        const end = data.indexOf(lineEnd, at)
        if (end < 0) return hold(data, at)
        const size = Number.parseInt(data.toString("latin1", at, end), 16)
        phase = size === 0 ? "end" : "chunk"
        left = size + lineEnd.length
        at = end + lineEnd.length
      } else {
        reader.hasBody = true
        const taken = Math.min(left, data.length - at)
        left -= taken
        at += taken
        if (left === 0 && phase === "chunk") phase = "size"
      }
      if (left === 0 && (phase === "length" || phase === "end")) {
        phase = "head"
        return true
      }
    }
    return false
  }

  function hold(data: Buffer, at: number): false {
    held = Buffer.from(data.subarray(at))
    return false
  }
}

export const connect = async (port: number): Promise<Connection> => {
  const reader = makeReader()
  let onAnswer: ((answer: Answered) => void) | undefined
  let firstByteAt = 0

  const finish = (isOk: boolean) => {
    const current = onAnswer
    const endedAt = performance.now()
    onAnswer = undefined
    current?.({ isOk, firstByteAt: firstByteAt || endedAt, endedAt })
  }

  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (opened) => {
        opened.setNoDelay(true)
      },
      data: (_, bytes) => {
        const hasEnded = reader.push(bytes)
        if (firstByteAt === 0 && reader.hasBody) firstByteAt = performance.now()
        if (hasEnded) finish(reader.status === 200)
      },
      close: () => finish(false),
      error: () => finish(false),
    },
  })

  return {
    send: (request, listener) => {
      onAnswer = listener
      firstByteAt = 0
      if (socket.write(request) !== request.length) finish(false)
    },
    close: () => {
      onAnswer = undefined
      socket.end()
    },
  }
}
