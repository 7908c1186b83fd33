/** The check of the client's key, wherever in the request it came. One key, or none at all: never a choice between two. */
import { Result } from "effect"
import type { KeyCheck, Keyring } from "../keyring.ts"

const BEARER = /^Bearer +(\S+) *$/i

/** The result holds the key's id. */
export const authenticate = (
  keyring: Keyring,
  headers: Headers,
  queryKeys: ReadonlyArray<string>,
): KeyCheck | Promise<KeyCheck> => {
  const [key, another] = presented(headers, queryKeys)
  if (key === undefined) return NO_KEY
  return another === undefined ? keyring.check(key) : CONFLICT
}

/** The different keys that the request carries, in any of the three forms. */
const presented = (headers: Headers, queryKeys: ReadonlyArray<string>): ReadonlySet<string> => {
  const keys = new Set(queryKeys)
  const header = headers.get("x-goog-api-key")
  if (header !== null) keys.add(header)
  const authorization = headers.get("authorization")
  const bearer = authorization === null ? undefined : BEARER.exec(authorization)?.[1]
  if (bearer !== undefined) keys.add(bearer)
  // An empty one is none: clients that hold no key send the header all the same.
  keys.delete("")
  return keys
}

const NO_KEY: KeyCheck = Result.fail({ _tag: "ApiKeyInvalid" })
const CONFLICT: KeyCheck = Result.fail({ _tag: "ApiKeysConflict" })
