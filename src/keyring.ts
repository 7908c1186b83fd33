/**
 * Which keys may pass, in memory: a key seen before costs no database round trip. A key that PostgreSQL confirmed is
 * good for `FRESH`; then it is asked for again, once for all who wait. While PostgreSQL cannot be asked, a key keeps
 * working for `MAX_STALE` after it was last confirmed. Holds hashes, never a key.
 */
import { timingSafeEqual } from "node:crypto"
import { Effect, Option, Result } from "effect"
import { LRUCache } from "lru-cache"
import { type ApiKey, parseApiKey } from "./core/apiKey.ts"
import type { ApiError } from "./core/errors.ts"
import type { StoredApiKey } from "./db/apiKeys.ts"
import type { DatabaseError } from "./db/client.ts"

/** The id of the key, or why it may not pass. */
export type KeyCheck = Result.Result<string, ApiError>

export interface Keyring {
  /** Synchronous for a key seen lately. */
  readonly check: (text: string) => KeyCheck | Promise<KeyCheck>
}

/** Upper bound, in milliseconds, from a revocation to the last call that it lets through. */
const FRESH = 5_000

/** For how long, in milliseconds, an unknown key is refused without asking again: a new key works within this time. */
const REFUSED = 2_000

/** How long, in milliseconds, keys outlive a database that cannot be asked. */
const MAX_STALE = 60_000

/** Keys in use at once, at about 200 bytes each; strangers' keys are kept apart, so that they push none of ours out. */
const CAPACITY = 20_000
const REFUSED_CAPACITY = 10_000

interface Confirmed {
  readonly id: string
  readonly at: number
}

export const makeKeyring = (
  find: (publicId: string) => Effect.Effect<Option.Option<StoredApiKey>, DatabaseError>,
): Keyring => {
  const refused = new LRUCache<string, true>({ max: REFUSED_CAPACITY, ttl: REFUSED })
  const confirmed = new LRUCache<string, Confirmed, ApiKey>({
    max: CAPACITY,
    ttl: FRESH,
    allowStaleOnFetchRejection: true,
    noDeleteOnFetchRejection: true,
    noDeleteOnStaleGet: true,
    fetchMethod: (_hash, _stale, { context: key }) => Effect.runPromise(confirm(key)),
  })

  const confirm = (key: ApiKey): Effect.Effect<Confirmed | undefined, DatabaseError> =>
    find(key.publicId).pipe(
      Effect.map((found) => {
        const stored = Option.getOrUndefined(found)
        // An unknown id costs a comparison too, so that the time taken does not tell it from a known one.
        const matches = timingSafeEqual(stored?.hash ?? NO_HASH, Buffer.from(key.hash, "hex"))
        if (stored !== undefined && matches && !stored.revoked)
          return { id: stored.id, at: performance.now() }
        refused.set(key.hash, true)
        return undefined
      }),
    )

  const ask = async (key: ApiKey): Promise<KeyCheck> => {
    try {
      const found = await confirmed.fetch(key.hash, { context: key })
      if (found === undefined) {
        // The cache holds on to what it had; a revoked key must not come back when the database goes away.
        confirmed.delete(key.hash)
        return INVALID
      }
      return performance.now() - found.at < MAX_STALE ? Result.succeed(found.id) : UNAVAILABLE
    } catch {
      return UNAVAILABLE
    }
  }

  return {
    check: (text) => {
      const key = Option.getOrUndefined(parseApiKey(text))
      if (key === undefined || refused.has(key.hash)) return INVALID
      const fresh = confirmed.get(key.hash, { allowStale: false })
      return fresh === undefined ? ask(key) : Result.succeed(fresh.id)
    },
  }
}

const INVALID: KeyCheck = Result.fail({ _tag: "ApiKeyInvalid" })
const UNAVAILABLE: KeyCheck = Result.fail({ _tag: "KeysUnavailable" })
const NO_HASH = new Uint8Array(32)
