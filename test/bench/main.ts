/**
 * `bun run bench [--quick]`: what tokenmeter costs, against no proxy and against a bare pass-through, on loopback, with
 * recording on and its own PostgreSQL up. Starts all it needs and ends it again. Exit code 1: an answer was lost, or its row.
 */
import { cpus, platform } from "node:os"
import { startContenders, startLoad } from "./contenders.ts"
import { measureAll } from "./measure.ts"
import { failures, formatReport } from "./report.ts"
import { fullPlan, quickPlan } from "./scenarios.ts"

const isQuick = Bun.argv.includes("--quick")
const plan = isQuick ? quickPlan : fullPlan

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

/** The signal goes to the children as the stack is left. */
const interrupted = Promise.withResolvers<never>()
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => interrupted.reject(new Error(`stopped by ${signal}`)))

const bench = async () => {
  await using stack = new AsyncDisposableStack()
  const run = async () => {
    progress("starting")
    const contenders = await startContenders(stack)
    return measureAll(contenders, startLoad(stack), plan, progress)
  }
  return await Promise.race([run(), interrupted.promise])
}

/** The exit code. */
const main = async (): Promise<number> => {
  try {
    const { samples, recorded } = await bench()
    progress("")
    console.log(
      `Bun ${Bun.version}, ${platform()}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}; ` +
        `${plan.rounds} rounds${isQuick ? ", quick: too short to judge by" : ""}. Median (min–max over the rounds).\n`,
    )
    console.log(formatReport(samples, recorded))
    return failures(samples) > 0 || recorded.rows !== recorded.answered ? 1 : 0
  } catch (cause) {
    progress("")
    console.error(`bench: ${cause instanceof Error ? cause.message : cause}`)
    return 1
  }
}

// What a signal cut short may still be waiting for an answer.
process.exit(await main())
