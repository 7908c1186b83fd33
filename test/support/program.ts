/** The program as a person or an orchestrator runs it: a process with an environment, output, signals and an exit code. */
import { join } from "node:path"
import { soon } from "./connection.ts"

type Environment = Readonly<Record<string, string>>

const MAIN = join(import.meta.dir, "../../src/main.ts")

/** A start migrates a database, or makes an embedded one, on a machine that may be busy with other tests. */
export const START_WITHIN = 30_000

/** Spares the program to start itself again with it. */
export const QUICK = { BUN_CONFIG_MAX_HTTP_REQUESTS: "256" }

export interface Program {
  readonly pid: number
  /** All that it has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly signal: (signal: NodeJS.Signals) => void
  /** The exit code; 128 + its number for a signal that nobody caught. */
  readonly exited: Promise<number>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const collect = (stream: ReadableStream<Uint8Array>, onText: (text: string) => void): Promise<void> => {
  const decoder = new TextDecoder()
  return stream.pipeTo(
    new WritableStream({ write: (chunk) => onText(decoder.decode(chunk, { stream: true })) }),
  )
}

/** Starts `tokenmeter` with `args`. It inherits nothing that could configure it. */
export const startProgram = (args: ReadonlyArray<string>, environment: Environment = {}): Program => {
  const { PATH = "", HOME = "", TMPDIR = "/tmp" } = Bun.env
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    env: { PATH, HOME, TMPDIR, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let stdout = ""
  let stderr = ""
  const closed = Promise.all([
    collect(child.stdout, (text) => {
      stdout += text
    }),
    collect(child.stderr, (text) => {
      stderr += text
    }),
  ])
  return {
    pid: child.pid,
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => child.kill(signal),
    exited: Promise.all([child.exited, closed]).then(([code]) => code),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await child.exited
    },
  }
}

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `tokenmeter` to its end. */
export const runProgram = async (
  args: ReadonlyArray<string>,
  environment?: Environment,
): Promise<Finished> => {
  await using program = startProgram(args, environment)
  const code = await soon(`the end of tokenmeter ${args.join(" ")}`, program.exited, START_WITHIN)
  return { code, stdout: program.stdout(), stderr: program.stderr() }
}

export interface Serving extends Program {
  readonly url: string
}

/** Starts `tokenmeter serve` on a free port and waits for its start-up line. */
export const startServing = async (environment: Environment): Promise<Serving> => {
  const program = startProgram([], { PORT: "0", GEMINI_API_KEY: "unused", ...environment })
  const url = await soon("the start-up line", startedAt(program), START_WITHIN).catch(async (cause) => {
    await program[Symbol.asyncDispose]()
    throw new Error(`tokenmeter did not start: ${program.stderr()}`, { cause })
  })
  return { ...program, url }
}

const startedAt = async (program: Program): Promise<string> => {
  let isOver = false
  void program.exited.then(() => {
    isOver = true
  })
  while (!isOver) {
    const url = / on (http:\S+) .*\n/.exec(program.stdout())?.[1]
    if (url !== undefined) return url
    await Bun.sleep(5)
  }
  throw new Error("it ended without a start-up line")
}
