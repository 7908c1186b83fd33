/**
 * The default database: a real PostgreSQL under the data directory, shared by all tokenmeter processes that use it.
 *
 * Whoever comes first starts it, later ones join, and the last one to leave stops it, whoever started it. Two locks
 * see to that. `starting` is held alone, and only while the server is looked for, started or stopped. `users` is
 * shared by everybody who uses the server, so whoever gets it alone is the last one. Both die with their process: a
 * server that a killed process leaves behind is simply found by the next one.
 */
import { Effect, Exit, Scope } from "effect"
import { holdLock, type LockError, type LockMode } from "../lock.ts"
import { postgresBinaries } from "./embedded/binaries.ts"
import { ensureCluster, superuser } from "./embedded/cluster.ts"
import { EmbeddedDatabaseError } from "./embedded/error.ts"
import { type PostgresHome, preparePostgresHome } from "./embedded/home.ts"
import {
  findPostmaster,
  type Postmaster,
  type ServerSettings,
  startPostmaster,
  stopPostmaster,
} from "./embedded/postmaster.ts"
import { socketPort } from "./embedded/socket.ts"
import type { SocketTarget } from "./target.ts"

/** Long enough for the process before us to set up, start or stop: their own limits are a minute each. */
const turnPatience = "3 minutes"

/** `settings` are server settings beyond our own; the tests switch fsync off. */
export const embeddedDatabase = (
  dataDir: string,
  settings: ServerSettings = {},
): Effect.Effect<SocketTarget, EmbeddedDatabaseError, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const home = yield* attempt(dataDir, () => preparePostgresHome(dataDir))
    const { socketDirectory } = yield* inTurn(
      home,
      Effect.acquireRelease(join(home, settings), ({ share }) => leave(home, share)).pipe(
        Scope.provide(scope),
      ),
    )
    return { socketDirectory, port: socketPort, user: superuser, database: "postgres" }
  })

interface Membership {
  readonly socketDirectory: string
  /** Closing it gives up our share of the users lock. */
  readonly share: Scope.Closeable
}

const join = (
  home: PostgresHome,
  settings: ServerSettings,
): Effect.Effect<Membership, EmbeddedDatabaseError> =>
  Effect.gen(function* () {
    const { socketDirectory } = yield* attempt(home.directory, () => findOrStart(home, settings))
    const share = yield* Scope.make()
    yield* hold(home.usersLock, "shared").pipe(Scope.provide(share))
    return { socketDirectory, share }
  })

/** Leaving cannot fail: a server that is left running is found by the next process. */
const leave = (home: PostgresHome, share: Scope.Closeable): Effect.Effect<void> =>
  inTurn(
    home,
    Effect.gen(function* () {
      yield* Scope.close(share, Exit.void)
      const isLast = yield* Effect.isSuccess(holdLock(home.usersLock, "exclusive", 0))
      if (isLast) yield* attempt(home.directory, () => stopPostmaster(home))
    }).pipe(Effect.scoped),
  ).pipe(
    Effect.catch((error) => Effect.logWarning(error.message)),
    Effect.ensuring(Scope.close(share, Exit.void)),
  )

/** Runs while nobody else looks for, starts or stops the server. Only the wait can be interrupted. */
const inTurn = <A, R>(
  home: PostgresHome,
  effect: Effect.Effect<A, EmbeddedDatabaseError, R>,
): Effect.Effect<A, EmbeddedDatabaseError, R> =>
  Effect.scoped(Effect.andThen(hold(home.startingLock, "exclusive"), effect))

const hold = (file: string, mode: LockMode): Effect.Effect<void, EmbeddedDatabaseError, Scope.Scope> =>
  holdLock(file, mode, turnPatience).pipe(
    Effect.mapError((error) => new EmbeddedDatabaseError({ message: advice(error) })),
  )

const advice = ({ reason, message }: LockError): string =>
  reason === "held"
    ? `${message}, which has been starting or stopping the embedded PostgreSQL for ${turnPatience}: end it, or choose another DATA_DIR`
    : `${message}; choose a DATA_DIR that this user may write, or set DATABASE_URL`

const findOrStart = async (home: PostgresHome, settings: ServerSettings): Promise<Postmaster> => {
  const running = await findPostmaster(home)
  if (running !== undefined) return running
  const binaries = await postgresBinaries(home)
  await ensureCluster(home, binaries)
  return startPostmaster(home, binaries, settings)
}

const attempt = <A>(directory: string, run: () => Promise<A>): Effect.Effect<A, EmbeddedDatabaseError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof EmbeddedDatabaseError
        ? cause
        : new EmbeddedDatabaseError({
            message: `the embedded PostgreSQL cannot use ${directory}: ${(cause as Error).message}; choose a DATA_DIR that this user may write, or set DATABASE_URL`,
          }),
  })
