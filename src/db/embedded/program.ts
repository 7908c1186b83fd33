/** Runs one of PostgreSQL's programs to its end: as the server's user, with none of our environment. */
import type { PostgresHome } from "./home.ts"

/** Our environment holds keys that the server has no business with; a fixed locale keeps its messages in English. */
export const serverEnvironment = { LC_ALL: "C" } as const

export interface ProgramResult {
  readonly succeeded: boolean
  /** The last lines that it wrote to stderr, or why it could not be started. */
  readonly complaint: string
}

export const runProgram = async (
  home: PostgresHome,
  command: readonly string[],
  timeout: number,
): Promise<ProgramResult> => {
  try {
    const program = Bun.spawn([...command], {
      cwd: home.directory,
      env: serverEnvironment,
      stdio: ["ignore", "ignore", "pipe"],
      timeout,
      killSignal: "SIGKILL",
      ...home.serverUser,
    })
    const [errors, exitCode] = await Promise.all([program.stderr.text(), program.exited])
    return {
      succeeded: exitCode === 0,
      complaint: lastLines(errors) || `it ended with ${program.signalCode ?? exitCode}`,
    }
  } catch (error) {
    return { succeeded: false, complaint: (error as Error).message }
  }
}

const quotedLines = 3

/** The last few lines of a text, on one line. */
export const lastLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .slice(-quotedLines)
    .join(" | ")
