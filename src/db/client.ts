/**
 * Connections to PostgreSQL through postgres.js. Every query has a deadline, past which its pool is thrown away and made
 * anew, because postgres.js waits for ever on a server that accepts and hangs up, and on a half-open connection. Each
 * purpose has a pool of its own, so that a slow writer starves nobody. Knows no tables.
 */
import { Data, Duration, Effect, Redacted, type Scope } from "effect"
import postgres, { type Options, type PostgresType, type Sql } from "postgres"
import { pg, run, statement } from "./statement.ts"
import type { DatabaseTarget } from "./target.ts"

/**
 * A query failed, or its outcome is not known. `code` is an SQLSTATE, a driver's or system's code, or `DEADLINE`.
 * The driver's message and detail print values of rows, so neither is kept.
 */
export class DatabaseError extends Data.TaggedError("DatabaseError")<{ readonly code: string }> {
  override get message(): string {
    return `${explain(this.code)} (${this.code}). See DATABASE_URL.`
  }
}

const EXPLANATIONS: ReadonlyArray<readonly [codes: RegExp, text: string]> = [
  [/^(DEADLINE|CONNECT_TIMEOUT|ETIMEDOUT|57014)$/, "PostgreSQL did not answer in time"],
  [/^28/, "PostgreSQL refused the user or the password"],
  [/^3D000$/, "PostgreSQL has no database of that name"],
  [/^42501$/, "PostgreSQL does not allow this to the user"],
  [/^(E[A-Z]+|CONNECTION_\w+|08...|57P0.)$/, "PostgreSQL cannot be reached"],
]

const explain = (code: string): string =>
  EXPLANATIONS.find(([codes]) => codes.test(code))?.[1] ?? "PostgreSQL failed"

export interface Pool {
  readonly run: <A>(query: (sql: Sql) => Promise<A>) => Effect.Effect<A, DatabaseError>
}

export interface PoolOptions {
  /** Shown in `pg_stat_activity`. */
  readonly purpose: string
  readonly connections: number
  /** From the call to its answer, waiting for a connection included. */
  readonly deadline: Duration.Duration
}

/** The server gives up on a statement this long before the pool does, so that the reason is its own. */
const SERVER_HEAD_START = Duration.seconds(1)

/** Longest wait between attempts to connect, in seconds; the driver's own grows to 18. */
const MAX_RECONNECT_SECONDS = 2

/** How long a discarded pool may take to close its connections, in seconds. */
const CLOSE_SECONDS = 1

export const makePool = (
  target: DatabaseTarget,
  options: PoolOptions,
): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.gen(function* () {
    let sql = connect(target, options)
    yield* Effect.addFinalizer(() => close(sql))

    /** Only the first of several late calls finds the pool that it used still in place. */
    const recycle = (used: Sql) =>
      Effect.suspend(() => {
        if (sql !== used) return Effect.void
        sql = connect(target, options)
        return Effect.forkDetach(close(used))
      })

    return {
      run: (query) =>
        Effect.suspend(() => {
          const used = sql
          return Effect.tryPromise({ try: () => query(used), catch: toDatabaseError }).pipe(
            Effect.timeoutOrElse({
              duration: options.deadline,
              orElse: () =>
                Effect.andThen(recycle(used), Effect.fail(new DatabaseError({ code: "DEADLINE" }))),
            }),
          )
        }),
    }
  })

export const pingStatement = statement({
  parameters: {},
  row: { one: pg.int4 },
  text: () => "select 1 as one",
})

/** Succeeds when the database answers. */
export const ping = (pool: Pool): Effect.Effect<void, DatabaseError> =>
  Effect.asVoid(pool.run((sql) => run(sql, pingStatement, {})))

const close = (sql: Sql): Effect.Effect<void> =>
  Effect.promise(() => sql.end({ timeout: CLOSE_SECONDS })).pipe(Effect.ignore)

const connect = (target: DatabaseTarget, { purpose, connections, deadline }: PoolOptions): Sql => {
  const statementMillis = Math.max(500, Duration.toMillis(Duration.subtract(deadline, SERVER_HEAD_START)))
  const options: Options<Record<string, PostgresType>> = {
    max: connections,
    connect_timeout: Math.ceil(Duration.toSeconds(deadline)),
    backoff: (attempt) => Math.min(MAX_RECONNECT_SECONDS, 0.1 * 2 ** attempt),
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: `tokenmeter ${purpose}`,
      statement_timeout: statementMillis,
      lock_timeout: statementMillis,
      idle_in_transaction_session_timeout: 2 * statementMillis,
    },
  }
  return target._tag === "Url"
    ? postgres(Redacted.value(target.url), options)
    : postgres({
        ...options,
        path: `${target.socketDirectory}/.s.PGSQL.${target.port}`,
        user: target.user,
        database: target.database,
      })
}

const toDatabaseError = (cause: unknown): DatabaseError => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return new DatabaseError({ code: typeof code === "string" ? code : "UNKNOWN" })
}
