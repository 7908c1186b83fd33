/** What is compared, and what makes the load: each a process of its own, started here and ended by its handle. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres from "postgres"
import { superuser } from "../../src/db/embedded/cluster.ts"
import { socketFile } from "../../src/db/embedded/socket.ts"
import type { Job, Result } from "./load.ts"

export const contenderNames = ["direct", "bare", "tokenmeter"] as const
export type ContenderName = (typeof contenderNames)[number]

export interface Contender {
  readonly port: number
  /** The process between the client and the upstream, if there is one. */
  readonly pid?: number
}

export interface Contenders {
  readonly byName: Readonly<Record<ContenderName, Contender>>
  /** Which tokenmeter issued; all contenders are sent it. */
  readonly apiKey: string
  readonly countRows: () => Promise<number>
}

const file = (name: string): string => join(import.meta.dir, name)
const program = file("../../src/main.ts")

/** A first start makes a database cluster. */
const START_MILLIS = 60_000
const STOP_MILLIS = 15_000

/** The bench's own settings and nothing else, or a DATABASE_URL of the developer's would be filled. */
const environment = (settings: Record<string, string>) => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  TMPDIR: process.env.TMPDIR,
  ...settings,
})

/** Runs a Bun program until the stack is left: asked to stop first, killed when it does not. */
const start = (stack: AsyncDisposableStack, args: readonly string[], env: Record<string, string> = {}) => {
  if (stack.disposed) throw new Error("stopped")
  const child = Bun.spawn([process.execPath, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment(env),
  })
  stack.defer(async () => {
    child.kill("SIGTERM")
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MILLIS)
    await child.exited
    clearTimeout(timer)
  })
  return child
}

const firstLine = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
  const late = AbortSignal.timeout(START_MILLIS)
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  late.addEventListener("abort", () => void reader.cancel())
  for (let text = ""; ; ) {
    const { value, done } = await reader.read()
    if (done) throw new Error("a process of the benchmark ended, or was not ready in time; see above")
    text += decoder.decode(value, { stream: true })
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n"))
  }
}

const portOf = (line: string): number => {
  const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
  if (port === undefined) throw new Error(`this names no address: ${line}`)
  return Number(port)
}

const createKey = async (env: Record<string, string>): Promise<string> => {
  const child = Bun.spawn([process.execPath, program, "keys", "create", "bench"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: environment(env),
    timeout: START_MILLIS,
  })
  const [key, notes] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if ((await child.exited) !== 0) throw new Error(`no key could be made: ${notes.trim()}`)
  return key.trim()
}

export const startContenders = async (stack: AsyncDisposableStack): Promise<Contenders> => {
  const upstream = start(stack, [file("upstream.ts")])
  const upstreamPort = portOf(await firstLine(upstream.stdout))
  const upstreamUrl = `http://127.0.0.1:${upstreamPort}`
  const bare = start(stack, [file("bare.ts"), upstreamUrl])
  const barePort = portOf(await firstLine(bare.stdout))

  const directory = await mkdtemp(join(tmpdir(), "tokenmeter-bench-"))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const env = { DATA_DIR: directory, UPSTREAM_URL: upstreamUrl, GEMINI_API_KEY: "not-a-key", PORT: "0" }
  const tokenmeter = start(stack, [program, "serve"], env)
  const line = await firstLine(tokenmeter.stdout)
  const apiKey = await createKey(env)

  const socketDirectory = /embedded PostgreSQL at (\S+)/.exec(line)?.[1] ?? ""
  const sql = postgres({
    path: socketFile(socketDirectory),
    user: superuser,
    database: "postgres",
    max: 1,
    onnotice: () => {},
  })
  stack.defer(() => sql.end({ timeout: 1 }))
  return {
    byName: {
      direct: { port: upstreamPort },
      bare: { port: barePort, pid: bare.pid },
      tokenmeter: { port: portOf(line), pid: tokenmeter.pid },
    },
    apiKey,
    countRows: async () => {
      const [row] = await sql<[{ count: number }]>`select count(*)::int4 as count from request_logs`
      return row.count
    },
  }
}

/** One load generator for all contenders, so that none meets a cold one. It takes one job at a time. */
export const startLoad = (stack: AsyncDisposableStack): ((job: Job) => Promise<Result>) => {
  let finish: (result: Result) => void = () => {}
  const child = Bun.spawn([process.execPath, file("load.ts")], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (result: Result) => finish(result),
  })
  stack.defer(async () => {
    child.kill()
    await child.exited
  })
  const died = child.exited.then((code) => Promise.reject(new Error(`the load generator ended with ${code}`)))
  died.catch(() => {})
  return (job) => {
    const result = Promise.withResolvers<Result>()
    finish = result.resolve
    child.send(job)
    return Promise.race([result.promise, died])
  }
}
