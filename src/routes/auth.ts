/** The check of the client's key, wherever in the request it came. One key, or none at all: never a choice between two. */
import { Effect, Result } from "effect"
import type { ApiError } from "../core/errors.ts"
import type { Keyring } from "../keyring.ts"

const BEARER = /^Bearer +(\S+) *$/i

/** The keys that the request carries, in any of the three forms. */
const presented = (headers: Headers, queryKeys: ReadonlyArray<string>): ReadonlySet<string> => {
  const keys = new Set(queryKeys)
  const header = headers.get("x-goog-api-key")
  if (header !== null) keys.add(header)
  const bearer = BEARER.exec(headers.get("authorization") ?? "")?.[1]
  if (bearer !== undefined) keys.add(bearer)
  // An empty one is none: clients that hold no key send the header all the same.
  keys.delete("")
  return keys
}

/** Succeeds with the key's id. */
export const authenticate = (
  keyring: Keyring,
  headers: Headers,
  queryKeys: ReadonlyArray<string>,
): Effect.Effect<string, ApiError> => {
  const [key, another] = presented(headers, queryKeys)
  if (key === undefined) return Effect.fail({ _tag: "ApiKeyInvalid" })
  if (another !== undefined) return Effect.fail({ _tag: "ApiKeysConflict" })
  const check = keyring.check(key)
  return Result.isResult(check)
    ? Effect.fromResult(check)
    : Effect.flatMap(
        Effect.promise(() => check),
        Effect.fromResult,
      )
}
