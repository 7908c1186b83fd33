/** Where a PostgreSQL database is reached. What speaks to it lives in client.ts. */
import type { Redacted } from "effect"

/** A database behind a unix socket; `port` only names the socket's file, nothing listens on TCP. */
export interface SocketTarget {
  readonly socketDirectory: string
  readonly port: number
  readonly user: string
  readonly database: string
}

export type DatabaseTarget =
  | { readonly _tag: "Url"; readonly url: Redacted.Redacted<string> }
  | ({ readonly _tag: "Socket" } & SocketTarget)
