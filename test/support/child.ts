/** Child processes of tests: wait for their first line, end them as a user or the kernel would. */
import { join } from "node:path"

export interface Child {
  readonly pid: number
  /** Its first line on standard output; rejects when it ends without one. */
  readonly firstLine: Promise<string>
  /** Ends its standard input and waits for its exit code. */
  readonly finish: () => Promise<number>
  readonly kill: (signal: NodeJS.Signals) => Promise<void>
  /** Sends a signal to its whole process group, as a terminal does. */
  readonly signalGroup: (signal: NodeJS.Signals) => void
}

export const startChild = (program: string, ...args: readonly string[]): Child => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, program), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  })
  const firstLine = readLine(child.stdout)
  firstLine.catch(() => {}) // a test may kill it without waiting for its word
  return {
    pid: child.pid,
    firstLine,
    finish: async () => {
      await child.stdin.end()
      return child.exited
    },
    kill: async (signal) => {
      child.kill(signal)
      await child.exited
    },
    signalGroup: (signal) => process.kill(-child.pid, signal),
  }
}

const readLine = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n"))
  }
  throw new Error("the child ended without a word")
}
