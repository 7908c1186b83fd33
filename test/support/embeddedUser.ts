/** A process of its own that uses the embedded database until its standard input ends: bun embeddedUser.ts DATA_DIR */
import { Effect } from "effect"
import { embeddedDatabase } from "../../src/db/embedded.ts"

await Effect.gen(function* () {
  const target = yield* embeddedDatabase(Bun.argv[2] ?? "", { fsync: "off" })
  console.log(JSON.stringify(target))
  yield* Effect.promise(() => Bun.stdin.text())
}).pipe(Effect.scoped, Effect.runPromise)
