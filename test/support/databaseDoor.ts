/** A test database on a TCP port, which other processes reach by URL, and whose door a test may shut and open again. */
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { Redacted } from "effect"
import type { Sql } from "postgres"
import type { DatabaseTarget } from "../../src/db/target.ts"
import { connectTo, createDatabase, type DatabaseOptions } from "./postgres.ts"

/** Where there is nothing to keep secret, it must still not be shown. */
export const DATABASE_PASSWORD = "database-password-of-the-tests"

export interface DatabaseDoor {
  /** With a password in it. */
  readonly url: string
  /** The database itself, past the door. */
  readonly target: DatabaseTarget
  readonly sql: Sql
  readonly open: () => Promise<void>
  /** Refuses connections and resets those that are open. */
  readonly shut: () => Promise<void>
  readonly stop: () => Promise<void>
}

const placeOf = (target: DatabaseTarget): NetConnectOpts => {
  if (target._tag === "Socket") return { path: join(target.socketDirectory, `.s.PGSQL.${target.port}`) }
  const { hostname, port } = new URL(Redacted.value(target.url))
  return { host: hostname, port: Number(port || 5432) }
}

const urlOf = (target: DatabaseTarget, port: number): string => {
  if (target._tag === "Socket")
    return `postgres://${target.user}:${DATABASE_PASSWORD}@127.0.0.1:${port}/${target.database}`
  const url = new URL(Redacted.value(target.url))
  url.hostname = "127.0.0.1"
  url.port = String(port)
  return url.href
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })

export const startDatabaseDoor = async (options?: DatabaseOptions): Promise<DatabaseDoor> => {
  const target = await createDatabase(options)
  const place = placeOf(target)
  const sql = connectTo(target)
  const sockets = new Set<Socket>()

  const join = (socket: Socket, other: Socket): void => {
    sockets.add(socket)
    socket.pipe(other)
    socket.on("error", () => other.destroy())
    socket.on("close", () => {
      sockets.delete(socket)
      other.destroy()
    })
  }
  const makeServer = (): Server =>
    createServer((client) => {
      const database = connect(place)
      join(client, database)
      join(database, client)
    })

  let server = makeServer()
  const port = await listen(server, 0)
  const shut = async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: urlOf(target, port),
    target,
    sql,
    shut,
    open: async () => {
      server = makeServer()
      await listen(server, port)
    },
    stop: async () => {
      await shut()
      await sql.end()
    },
  }
}
