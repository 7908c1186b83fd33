/**
 * `tokenmeter demo`: the whole of tokenmeter at work in one process, in front of the stand-in for Gemini. Starts both and a
 * database that is thrown away, makes calls over real HTTP, shows what was recorded, and keeps serving.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Console, Data, Duration, Effect, Option, Redacted, References, Schedule, Stdio } from "effect"
import { openDatabase } from "../db/database.ts"
import { listRecordedCalls } from "../db/recordedCalls.ts"
import { createKey } from "../keys.ts"
import { withProgress } from "../progress.ts"
import { type RunningServer, type ServerConfig, startServer } from "../server.ts"
import { coloured, plain } from "../table.ts"
import { calls, makeCall } from "./calls.ts"
import { formatCalls, formatCurl, formatTotals } from "./report.ts"
import { type StandIn, startStandIn } from "./standIn.ts"

export interface DemoOptions {
  /** Ends after the report. */
  readonly once: boolean
  /** Whether a terminal may be given colours: NO_COLOR says no. */
  readonly colour: boolean
  /** Called when nothing is left to do but to serve. */
  readonly onServing: () => void
}

class DemoError extends Data.TaggedError("DemoError")<{ readonly message: string }> {}

/** Many times what recording takes. */
const RECORDED_WITHIN = "10 seconds"

const LOG_LEVEL = "Warn"

const standIn = Effect.acquireRelease(
  Effect.sync(() => startStandIn()),
  ({ stop }) => Effect.promise(stop),
)

const temporaryDirectory = Effect.acquireRelease(
  Effect.tryPromise({
    try: () => mkdtemp(join(tmpdir(), "tokenmeter-demo-")),
    catch: () =>
      new DemoError({ message: `No directory can be made in ${tmpdir()}. Set TMPDIR to another place.` }),
  }),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true })),
)

const configOf = (upstream: StandIn): ServerConfig => ({
  host: "127.0.0.1",
  port: 0,
  geminiApiKey: Redacted.make(upstream.apiKey),
  upstreamUrl: upstream.url,
  adminToken: Option.none(),
  queueCapacity: 1_000,
  batchSize: 100,
  batchWindow: Duration.millis(50),
  upstreamTimeout: Duration.minutes(1),
  shutdownGrace: Duration.seconds(1),
})

/** A hang-up is noticed a moment after the client has gone on, so the count of what was offered tells when all is in. */
const awaitRecorded = ({ recorder }: RunningServer, expected: number) =>
  Effect.sync(() => recorder.counts().offered >= expected).pipe(
    Effect.repeat({ until: (isOffered) => isOffered, schedule: Schedule.spaced("10 millis") }),
    Effect.andThen(recorder.settled),
    Effect.timeoutOrElse({
      duration: RECORDED_WITHIN,
      orElse: () =>
        Effect.fail(new DemoError({ message: `The calls were not recorded within ${RECORDED_WITHIN}.` })),
    }),
  )

export const runDemo = ({ once, colour, onServing }: DemoOptions) =>
  Effect.gen(function* () {
    const { stdoutIsTerminal } = yield* Stdio.Stdio
    const paint = colour && (yield* stdoutIsTerminal) ? coloured : plain
    yield* Console.log("The built-in stand-in answers here, not Gemini. Everything else is real.\n")

    const upstream = yield* standIn
    const dataDir = yield* temporaryDirectory
    const database = yield* openDatabase({ databaseUrl: Option.none(), dataDir, logLevel: LOG_LEVEL }).pipe(
      withProgress("Starting PostgreSQL"),
    )
    const server = yield* startServer(configOf(upstream), database)
    const key = yield* createKey(database.admin, "demo")

    yield* Effect.forEach(calls, (call) =>
      Effect.tryPromise({
        try: () => makeCall(call, server.url, key),
        catch: () => new DemoError({ message: `The call to ${call.path} broke.` }),
      }),
    ).pipe(withProgress("Making calls"))
    const expected = calls.filter(({ recorded }) => recorded).length
    yield* awaitRecorded(server, expected).pipe(withProgress("Waiting for the recorder"))
    const rows = yield* listRecordedCalls(database.admin)

    yield* Console.log(
      `${calls.length} calls were made. ${rows.length} of them left a row in request_logs:\n`,
    )
    yield* Console.log(`${formatCalls(rows, paint)}\n`)
    yield* Console.log("No row: the refused key, countTokens and the list of models.\n")
    yield* Console.log(`${formatTotals(rows, paint)}\n`)
    if (once) return

    yield* Console.log(`The API, to try in a browser: ${server.url}/docs (key: ${key})\n`)
    yield* Console.log(`${formatCurl(server.url, "generateContent", key)}\n`)
    yield* Console.log(`${formatCurl(server.url, "streamGenerateContent?alt=sse", key)}\n`)
    yield* Console.log("Serving until Ctrl-C.")
    onServing()
    return yield* Effect.never
  }).pipe(
    Effect.catchTag("DatabaseError", ({ code }) =>
      Effect.fail(new DemoError({ message: `The demo's database failed (${code}).` })),
    ),
    Effect.scoped,
    Effect.provideService(References.MinimumLogLevel, LOG_LEVEL),
  )
