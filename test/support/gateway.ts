/**
 * tokenmeter as an application meets it: the real server on a fresh database, in front of the stand-in for Gemini, with a key.
 */
import { Duration, Effect, Exit, Option, Redacted, Schedule, Scope } from "effect"
import { connectDatabase, type Database } from "../../src/db/database.ts"
import { type StandIn, type StandInOptions, startStandIn } from "../../src/demo/standIn.ts"
import { createKey } from "../../src/keys.ts"
import { type RunningServer, type ServerConfig, startServer } from "../../src/server.ts"
import { createDatabase } from "./postgres.ts"

export interface GatewayOptions {
  readonly standIn?: StandInOptions
  readonly config?: Partial<ServerConfig>
}

/** A row of `request_logs`, by column. */
export type Row = Readonly<Record<string, unknown>>

export interface Gateway {
  readonly url: string
  /** One that tokenmeter issued. */
  readonly key: string
  readonly standIn: StandIn
  readonly server: RunningServer
  readonly database: Database
  /** All rows in the order of the calls, once at least `atLeast` calls have been offered and all offered ones written. */
  readonly rows: (atLeast?: number) => Promise<ReadonlyArray<Row>>
  readonly stop: () => Promise<void>
}

const ROWS_WITHIN = "5 seconds"

const readRows = ({ admin }: Database, { recorder }: RunningServer, atLeast: number) =>
  Effect.sync(() => recorder.counts().offered >= atLeast).pipe(
    Effect.repeat({ until: (isOffered) => isOffered, schedule: Schedule.spaced("5 millis") }),
    Effect.andThen(recorder.settled),
    Effect.andThen(admin.run((sql) => sql<Array<Row>>`select * from request_logs order by id`)),
    Effect.timeout(ROWS_WITHIN),
  )

export const startGateway = (options: GatewayOptions = {}): Promise<Gateway> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const gateway = Effect.gen(function* () {
      const standIn = yield* Effect.acquireRelease(
        Effect.sync(() => startStandIn(options.standIn)),
        ({ stop }) => Effect.promise(stop),
      )
      const database = yield* connectDatabase(yield* Effect.promise(() => createDatabase()))
      const server = yield* startServer(
        {
          host: "127.0.0.1",
          port: 0,
          geminiApiKey: Redacted.make(standIn.apiKey),
          upstreamUrl: standIn.url,
          adminToken: Option.none(),
          queueCapacity: 1_000,
          batchSize: 100,
          batchWindow: Duration.millis(5),
          upstreamTimeout: Duration.minutes(1),
          shutdownGrace: Duration.seconds(1),
          ...options.config,
        },
        database,
      )
      const key = yield* createKey(database.admin, "test")
      return {
        url: server.url,
        key,
        standIn,
        server,
        database,
        rows: (atLeast = 0) => Effect.runPromise(readRows(database, server, atLeast)),
        stop: () => Effect.runPromise(Scope.close(scope, Exit.void)),
      }
    })
    return yield* gateway.pipe(
      Scope.provide(scope),
      Effect.onError(() => Scope.close(scope, Exit.void)),
    )
  }).pipe(Effect.runPromise)
