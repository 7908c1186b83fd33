/**
 * The upstream of the benchmark, a process of its own: answers at once with prebuilt bytes. It listens on a raw socket,
 * because `Bun.serve` would give a whole body a content-length, and because it must cost less than what is measured.
 */
import type { Socket } from "bun"
import { type AnswerName, answerNames, eventMillis, streamedAnswer, unaryAnswers } from "./answers.ts"

interface State {
  /** Of a request that has not arrived whole. */
  received: Buffer
  /** What the socket has not taken yet. */
  unsent: Buffer
}

const nothing = Buffer.alloc(0)
const blankLine = "\r\n\r\n"

/** Where the request that `bytes` begin with ends; 0 when more has to come. Every request here has a content-length. */
const requestEnd = (bytes: Buffer): number => {
  const headEnd = bytes.indexOf(blankLine)
  if (headEnd < 0) return 0
  const length = /\r\ncontent-length: (\d+)/i.exec(bytes.toString("latin1", 0, headEnd))
  const end = headEnd + blankLine.length + Number(length?.[1] ?? 0)
  return end <= bytes.length ? end : 0
}

const asked = (request: Buffer): AnswerName => {
  const line = request.toString("latin1", 0, request.indexOf("\r\n"))
  const name = answerNames.find((candidate) => line.includes(`answer=${candidate} `))
  if (name === undefined) throw new Error(`the benchmark's upstream does not know ${line}`)
  return name
}

const send = (socket: Socket<State>, bytes: Buffer): void => {
  const { data } = socket
  if (data.unsent.length > 0) {
    data.unsent = Buffer.concat([data.unsent, bytes])
    return
  }
  data.unsent = bytes.subarray(Math.max(0, socket.write(bytes)))
}

const stream = async (socket: Socket<State>): Promise<void> => {
  const start = performance.now()
  for (const [index, piece] of streamedAnswer.entries()) {
    if (index > 0) await Bun.sleep(Math.max(0, start + index * eventMillis - performance.now()))
    if (socket.readyState !== 1) return
    send(socket, piece)
  }
}

const listener = Bun.listen<State>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => {
      socket.data = { received: nothing, unsent: nothing }
      socket.setNoDelay(true)
    },
    data: (socket, bytes) => {
      const { data } = socket
      data.received = data.received.length > 0 ? Buffer.concat([data.received, bytes]) : bytes
      for (let end = requestEnd(data.received); end > 0; end = requestEnd(data.received)) {
        const name = asked(data.received)
        data.received = data.received.subarray(end)
        if (name === "sse") void stream(socket)
        else send(socket, unaryAnswers[name])
      }
      // The buffer that a socket hands out is used again for the next read.
      if (data.received.length > 0) data.received = Buffer.from(data.received)
    },
    drain: (socket) => {
      const { unsent } = socket.data
      socket.data.unsent = unsent.subarray(Math.max(0, socket.write(unsent)))
    },
  },
})

console.log(`http://127.0.0.1:${listener.port}`)
