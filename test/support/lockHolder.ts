/** A process of its own that holds a lock until its standard input ends: bun lockHolder.ts FILE MODE */
import { Effect } from "effect"
import { holdLock, type LockMode } from "../../src/lock.ts"

const [file = "", mode = ""] = Bun.argv.slice(2)

await Effect.gen(function* () {
  yield* holdLock(file, mode as LockMode, 0)
  console.log("held")
  yield* Effect.promise(() => Bun.stdin.text())
}).pipe(Effect.scoped, Effect.runPromise)
