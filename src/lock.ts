/**
 * A shared or exclusive lock on a file, across processes. The operating system takes it back when its process
 * dies, kill -9 included, so there is never a stale lock to clean up.
 *
 * It is SQLite's own lock on an empty database that nobody ever writes to: a read transaction is a share, an
 * exclusive one excludes. Open such a file with nothing else: POSIX drops a process's locks on a file as soon as
 * that process closes any descriptor of it.
 */
import { Database, SQLiteError } from "bun:sqlite"
import { Data, type Duration, Effect, Schedule, type Scope } from "effect"

export type LockMode = "shared" | "exclusive"

export class LockError extends Data.TaggedError("LockError")<{
  readonly reason: "held" | "unusable"
  readonly message: string
}> {}

/** How often a waiting process looks again. Jittered, so that two of them do not keep meeting. */
const retryInterval = "20 millis"

/** Holds the lock until the scope closes. Waits for other holders no longer than `patience`. */
export const holdLock = (
  file: string,
  mode: LockMode,
  patience: Duration.Input,
): Effect.Effect<void, LockError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => open(file, mode), catch: (cause) => toLockError(file, cause) }).pipe(
      Effect.retry({
        while: (error) => error.reason === "held",
        schedule: Schedule.spaced(retryInterval).pipe(
          Schedule.jittered,
          Schedule.upTo({ duration: patience }),
        ),
      }),
    ),
    (database) => Effect.sync(() => release(database)),
    { interruptible: true },
  ).pipe(Effect.asVoid)

const open = (file: string, mode: LockMode): Database => {
  const database = new Database(file, { create: true, readwrite: true })
  try {
    // SQLite prepares the first page of an empty database; in memory, or a kill would leave a journal behind.
    database.run("PRAGMA journal_mode = MEMORY")
    database.run(mode === "exclusive" ? "BEGIN EXCLUSIVE" : "BEGIN")
    if (mode === "shared") database.run("SELECT 1 FROM sqlite_schema") // BEGIN alone locks nothing yet
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

const release = (database: Database): void => {
  database.run("ROLLBACK")
  database.close()
}

const toLockError = (file: string, cause: unknown): LockError => {
  const held = cause instanceof SQLiteError && cause.code === "SQLITE_BUSY"
  return held
    ? new LockError({ reason: "held", message: `${file} is locked by another process` })
    : new LockError({ reason: "unusable", message: `${file} cannot be locked: ${(cause as Error).message}` })
}
