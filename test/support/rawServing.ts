/** The program itself between a raw client and a raw upstream, with a key, on a database of its own. */
import { Effect } from "effect"
import { connectDatabase } from "../../src/db/database.ts"
import { createKey } from "../../src/keys.ts"
import { soon } from "./connection.ts"
import { type DatabaseDoor, startDatabaseDoor } from "./databaseDoor.ts"
import type { Row } from "./gateway.ts"
import { type Serving, startServing } from "./program.ts"
import { type Exchange, makeSender, type RequestParts, type Sender, UPSTREAM_KEY } from "./rawGateway.ts"
import { type RawUpstream, startRawUpstream } from "./rawUpstream.ts"

export interface RawServing {
  readonly program: Serving
  readonly upstream: RawUpstream
  readonly door: DatabaseDoor
  readonly key: string
  readonly send: Sender
  readonly exchange: (parts?: RequestParts) => Promise<Exchange>
  /** All rows, once there are `count`. */
  readonly rows: (count: number) => Promise<ReadonlyArray<Row>>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const makeKey = (door: DatabaseDoor, name: string): Promise<string> =>
  connectDatabase(door.target).pipe(
    Effect.flatMap(({ admin }) => createKey(admin, name)),
    Effect.scoped,
    Effect.runPromise,
  )

/** Once there are at least `count`. */
export const readRows = ({ sql }: DatabaseDoor, count: number): Promise<ReadonlyArray<Row>> => {
  const read = async () => {
    for (;;) {
      const rows = await sql<Array<Row>>`select * from request_logs order by id`
      if (rows.length >= count) return [...rows]
      await Bun.sleep(10)
    }
  }
  return soon(`${count} rows in request_logs`, read())
}

export const startRawServing = async (
  environment: Readonly<Record<string, string>> = {},
): Promise<RawServing> => {
  const upstream = startRawUpstream()
  const door = await startDatabaseDoor()
  const key = await makeKey(door, "test")
  const program = await startServing({
    DATABASE_URL: door.url,
    GEMINI_API_KEY: UPSTREAM_KEY,
    UPSTREAM_URL: upstream.url,
    BATCH_WINDOW: "5 millis",
    ...environment,
  })
  const send = makeSender(program.url, key)
  return {
    program,
    upstream,
    door,
    key,
    send,
    exchange: async (parts) => {
      const call = await send(parts)
      return { call, arrival: await upstream.next() }
    },
    rows: (count) => readRows(door, count),
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]()
      upstream.stop()
      await door.stop()
    },
  }
}
