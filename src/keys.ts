/** Makes client keys: the randomness and the storing that the pure format of a key does without. */
import { Effect } from "effect"
import { KEY_ENTROPY, makeApiKey } from "./core/apiKey.ts"
import { insertApiKey } from "./db/apiKeys.ts"
import type { DatabaseError, Pool } from "./db/client.ts"

/** Stores the hash of a new key and returns its text, which exists nowhere else. */
export const createKey = (pool: Pool, name: string): Effect.Effect<string, DatabaseError> =>
  Effect.suspend(() => {
    const key = makeApiKey({ id: randomBytes(KEY_ENTROPY.id), secret: randomBytes(KEY_ENTROPY.secret) })
    return Effect.as(insertApiKey(pool, Bun.randomUUIDv7(), key, name), key.text)
  })

const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
