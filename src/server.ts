/**
 * The server as one scoped value, on a database that is open: recorder, app, listener, in this order, and undone in the
 * reverse: stop accepting, let streams finish, let their rows come in, write what is queued. Leaving the scope is the shutdown.
 */
import { Data, Duration, Effect, Fiber, Latch, Option, Redacted, Schedule, type Scope } from "effect"
import type { AppConfig, StorageConfig } from "./config.ts"
import type { RequestLog } from "./core/requestLog.ts"
import { findApiKey } from "./db/apiKeys.ts"
import { type Pool, ping } from "./db/client.ts"
import { type Database, prepareSchema } from "./db/database.ts"
import type { MigrationChanged } from "./db/migrate.ts"
import { makePartitions } from "./db/partitions.ts"
import { insertRequestLogs } from "./db/requestLogs.ts"
import { makeKeyring } from "./keyring.ts"
import { makeMeter } from "./meter.ts"
import { type Channel, makeChannel } from "./recorder/channel.ts"
import { makeWriter } from "./recorder/writer.ts"
import { makeApp } from "./routes/app.ts"
import { IDLE_SECONDS } from "./routes/proxy.ts"
import { version } from "./version.ts"

/** What of the configuration is about serving, not about where to store. */
export type ServerConfig = Omit<AppConfig, keyof StorageConfig>

export interface RunningServer {
  readonly url: string
  readonly recorder: Channel<RequestLog>
  /** Whether the database was migrated within `START_PATIENCE`; if not, the server goes on trying. */
  readonly isReady: () => boolean
}

export class ListenError extends Data.TaggedError("ListenError")<{ readonly message: string }> {}

/** How long a start waits for the database before it serves without. */
const START_PATIENCE = Duration.seconds(5)

/** Bound on writing what is queued at shutdown. */
const DRAIN_WITHIN = Duration.seconds(10)

/** Bound on the ends of exchanges that the end of `SHUTDOWN_GRACE` has cut. */
const CUT_WITHIN = Duration.seconds(1)

/** Far below the days that partitions are made ahead. */
const PARTITION_INTERVAL = Duration.hours(6)

/** Readiness is at most twice this old. */
const WATCH_INTERVAL = Duration.seconds(2)

/** The largest file that the Gemini API takes is 2 GB, in one request. */
const MAX_BODY_BYTES = 4 * 1024 ** 3

export const startServer = (
  config: ServerConfig,
  database: Database,
): Effect.Effect<RunningServer, ListenError | MigrationChanged, Scope.Scope> =>
  Effect.gen(function* () {
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const isReady = yield* prepareDatabase(database)
    const recorder = yield* makeChannel<RequestLog>({
      capacity: config.queueCapacity,
      batchSize: config.batchSize,
      batchWindow: config.batchWindow,
      drainWithin: DRAIN_WITHIN,
      write: makeWriter((logs) => insertRequestLogs(database.writer, logs)),
    })
    const meter = makeMeter(recorder.offer)
    // Undone after the listener and before the recorder, so that the last rows of cut streams find it open.
    yield* Effect.addFinalizer(() => Effect.timeoutOption(meter.settled, CUT_WITHIN))
    const app = makeApp({
      keyring: makeKeyring((publicId) => findApiKey(database.keys, publicId)),
      upstream: {
        origin: config.upstreamUrl,
        apiKey: Redacted.value(config.geminiApiKey),
        silenceLimit: Duration.toMillis(config.upstreamTimeout),
      },
      meter,
      isReady,
      onDefect: (defect) =>
        runFork(Effect.annotateLogs(Effect.logError("a defect in a route"), { ...defect })),
      version,
    })
    const url = yield* listen(app, config)
    return { url, recorder, isReady }
  })

/** Migrates, and keeps partitions ahead, for as long as it takes: a database that is away must not keep the server down. */
const prepareDatabase = (database: Database): Effect.Effect<() => boolean, MigrationChanged, Scope.Scope> =>
  Effect.gen(function* () {
    const ready = yield* Latch.make()
    const prepare = prepareSchema(database).pipe(
      Effect.tapErrorTag("DatabaseError", ({ code }) =>
        Effect.annotateLogs(Effect.logWarning("the database cannot be used yet"), { code }),
      ),
      Effect.retry({ schedule: RETRY, while: ({ _tag }) => _tag === "DatabaseError" }),
      // Never one that is retried without end; the compiler cannot know.
      Effect.catchTag("DatabaseError", Effect.die),
      Effect.tapError(({ message }) => Effect.logError(message)),
      Effect.andThen(ready.open),
    )
    const keepAhead = makePartitions(database.admin).pipe(
      Effect.tapError(({ code }) =>
        Effect.annotateLogs(Effect.logWarning("no new partitions could be made"), { code }),
      ),
      Effect.ignore,
      Effect.delay(PARTITION_INTERVAL),
      Effect.forever,
    )
    const preparing = yield* Effect.forkScoped(prepare)
    yield* Effect.forkScoped(Effect.andThen(ready.await, keepAhead))
    yield* Effect.timeoutOption(Fiber.join(preparing), START_PATIENCE)
    const isReachable = yield* watchDatabase(database.keys)
    return () => Latch.isOpen(ready) && isReachable()
  })

/** Asks the database every few seconds whether it is there, for readiness alone: the call of a client never waits for this. */
const watchDatabase = (pool: Pool): Effect.Effect<() => boolean, never, Scope.Scope> =>
  Effect.gen(function* () {
    let reachable = true
    const ask = ping(pool).pipe(
      Effect.timeoutOption(WATCH_INTERVAL),
      Effect.match({ onSuccess: Option.isSome, onFailure: () => false }),
      Effect.map((answered) => (reachable = answered)),
    )
    yield* Effect.forkScoped(Effect.repeat(ask, Schedule.spaced(WATCH_INTERVAL)))
    return () => reachable
  })

const RETRY = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")])

const listen = (
  app: ReturnType<typeof makeApp>,
  config: ServerConfig,
): Effect.Effect<string, ListenError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () =>
        app.listen({
          hostname: config.host,
          port: config.port,
          idleTimeout: IDLE_SECONDS,
          // Elysia's default is Bun's development mode, which shows errors to clients.
          development: false,
          maxRequestBodySize: MAX_BODY_BYTES,
          // Elysia's default lets two servers share a port in silence.
          reusePort: false,
        }),
      catch: () =>
        new ListenError({
          message: `Cannot listen on ${config.host}:${config.port}: it is in use or not allowed. Set HOST or PORT.`,
        }),
    }),
    ({ server }) =>
      server === null
        ? Effect.void
        : Effect.promise(() => server.stop(false)).pipe(
            Effect.timeoutOption(config.shutdownGrace),
            Effect.flatMap((stopped) =>
              Option.isSome(stopped)
                ? Effect.void
                : Effect.logWarning("SHUTDOWN_GRACE is over, streams are cut").pipe(
                    Effect.andThen(Effect.promise(() => server.stop(true))),
                    Effect.timeoutOption(CUT_WITHIN),
                  ),
            ),
          ),
  ).pipe(Effect.map(({ server }) => String(server?.url.origin)))
