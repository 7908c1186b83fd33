/**
 * Which keys may pass, in memory: a key seen before costs no database round trip. Holds hashes, never a key.
 *
 * unseen     PostgreSQL is asked, once for all who wait
 * confirmed  passes at once; after `REFRESH` it is asked for again in the background, after `FRESH` before it passes
 * doubtful   the last question failed: passes until `MAX_STALE` after it was confirmed, while it is asked for again
 * refused    PostgreSQL does not know it, or it is revoked: refused for `REFUSED` without a question
 */
import { timingSafeEqual } from "node:crypto"
import { Effect, Option, Result } from "effect"
import { LRUCache } from "lru-cache"
import { type ApiKey, hashApiKey, KEY_LENGTH, parseApiKey } from "./core/apiKey.ts"
import type { ApiError } from "./core/errors.ts"
import type { StoredApiKey } from "./db/apiKeys.ts"
import type { DatabaseError } from "./db/client.ts"

/** The id of the key, or why it may not pass. */
export type KeyCheck = Result.Result<string, ApiError>

export interface Keyring {
  /** Synchronous for a key seen lately. */
  readonly check: (text: string) => KeyCheck | Promise<KeyCheck>
}

/** Milliseconds after which a key is asked for again; with the deadline of a look-up it stays below `FRESH`. */
const REFRESH = 2_500

/** Upper bound, in milliseconds, from a revocation to the last call that it lets through. */
const FRESH = 5_000

/** How long, in milliseconds, keys outlive a database that cannot be asked. */
const MAX_STALE = 60_000

/** For how long, in milliseconds, an unknown key is refused without asking again: a new key works within this time. */
const REFUSED = 2_000

/** Keys in use at once, at about 200 bytes each; strangers' keys are kept apart, so that they push none of ours out. */
const CAPACITY = 20_000
const REFUSED_CAPACITY = 10_000

/** Questions under way at once; more of them wait for a pool of a few connections in vain. */
const MAX_LOOKUPS = 1_000

interface Entry {
  readonly id: string
  readonly confirmedAt: number
  readonly isDoubtful: boolean
}

export const makeKeyring = (
  find: (publicId: string) => Effect.Effect<Option.Option<StoredApiKey>, DatabaseError>,
  clock: { readonly now: () => number } = performance,
): Keyring => {
  const confirmed = new LRUCache<string, Entry>({ max: CAPACITY })
  const refused = new LRUCache<string, true>({
    max: REFUSED_CAPACITY,
    ttl: REFUSED,
    ttlResolution: 0,
    perf: clock,
  })
  const lookups = new Map<string, Promise<KeyCheck>>()

  const age = (entry: Entry): number => clock.now() - entry.confirmedAt

  const onFound = (key: ApiKey, askedAt: number, found: Option.Option<StoredApiKey>): KeyCheck => {
    const stored = Option.getOrUndefined(found)
    // An unknown id costs a comparison too, so that the time taken does not tell it from a known one.
    const matches = timingSafeEqual(stored?.hash ?? NO_HASH, Buffer.from(key.hash, "hex"))
    if (stored === undefined || !matches || stored.revoked) {
      confirmed.delete(key.hash)
      refused.set(key.hash, true)
      return INVALID
    }
    confirmed.set(key.hash, { id: stored.id, confirmedAt: askedAt, isDoubtful: false })
    return Result.succeed(stored.id)
  }

  const onFailure = (key: ApiKey): KeyCheck => {
    const entry = confirmed.get(key.hash)
    if (entry === undefined) return UNAVAILABLE
    confirmed.set(key.hash, { ...entry, isDoubtful: true })
    return age(entry) < MAX_STALE ? Result.succeed(entry.id) : UNAVAILABLE
  }

  const ask = (key: ApiKey): Promise<KeyCheck> => {
    const pending = lookups.get(key.hash)
    if (pending !== undefined) return pending
    if (lookups.size >= MAX_LOOKUPS) return Promise.resolve(UNAVAILABLE)
    const askedAt = clock.now()
    const lookup = find(key.publicId).pipe(
      Effect.map((found) => onFound(key, askedAt, found)),
      Effect.catchCause(() => Effect.sync(() => onFailure(key))),
    )
    const answer = Effect.runPromise(lookup).finally(() => lookups.delete(key.hash))
    lookups.set(key.hash, answer)
    return answer
  }

  return {
    check: (text) => {
      if (text.length !== KEY_LENGTH) return INVALID
      const hash = hashApiKey(text)
      const entry = confirmed.get(hash)
      if (entry !== undefined && age(entry) < REFRESH) return Result.succeed(entry.id)
      const key = Option.getOrUndefined(parseApiKey(text))
      if (key === undefined || refused.has(hash)) return INVALID
      const asked = ask(key)
      if (entry === undefined) return asked
      return age(entry) < (entry.isDoubtful ? MAX_STALE : FRESH) ? Result.succeed(entry.id) : asked
    },
  }
}

const INVALID: KeyCheck = Result.fail({ _tag: "ApiKeyInvalid" })
const UNAVAILABLE: KeyCheck = Result.fail({ _tag: "KeysUnavailable" })
const NO_HASH = new Uint8Array(32)
