/** Client keys in PostgreSQL. Stores the hash of a key and its public id, never the key. */
import { Effect, Option } from "effect"
import type { ApiKey } from "../core/apiKey.ts"
import type { DatabaseError, Pool } from "./client.ts"
import { nullable, pg, run, statement } from "./statement.ts"

export interface ApiKeyRecord {
  readonly id: string
  readonly publicId: string
  readonly name: string
  readonly createdAt: Date
  readonly revokedAt: Date | null
}

/** What the check of a key needs. */
export interface StoredApiKey {
  readonly id: string
  readonly hash: Uint8Array
  readonly revoked: boolean
}

export const insertApiKeyStatement = statement({
  parameters: { id: pg.uuid, publicId: pg.text, hash: pg.bytea, name: pg.text },
  row: {},
  text: (p) =>
    `insert into api_keys (id, public_id, hash, name) values (${p.id}, ${p.publicId}, ${p.hash}, ${p.name})`,
})

export const listApiKeysStatement = statement({
  parameters: {},
  row: {
    id: pg.uuid,
    public_id: pg.text,
    name: pg.text,
    created_at: pg.timestamptz,
    revoked_at: nullable(pg.timestamptz),
  },
  text: () => "select id, public_id, name, created_at, revoked_at from api_keys order by created_at, id",
})

export const revokeApiKeyStatement = statement({
  parameters: { publicId: pg.text },
  row: { name: pg.text, revoked_at: nullable(pg.timestamptz) },
  text: (p) => `
    update api_keys set revoked_at = coalesce(revoked_at, now())
    where public_id = ${p.publicId} returning name, revoked_at`,
})

export const findApiKeyStatement = statement({
  parameters: { publicId: pg.text },
  row: { id: pg.uuid, hash: pg.bytea, revoked: pg.bool },
  text: (p) =>
    `select id, hash, revoked_at is not null as revoked from api_keys where public_id = ${p.publicId}`,
})

export const insertApiKey = (
  pool: Pool,
  id: string,
  key: ApiKey,
  name: string,
): Effect.Effect<void, DatabaseError> =>
  pool
    .run((sql) =>
      run(sql, insertApiKeyStatement, {
        id,
        publicId: key.publicId,
        hash: Buffer.from(key.hash, "hex"),
        name,
      }),
    )
    .pipe(Effect.asVoid)

/** Oldest first. */
export const listApiKeys = (pool: Pool): Effect.Effect<ReadonlyArray<ApiKeyRecord>, DatabaseError> =>
  pool
    .run((sql) => run(sql, listApiKeysStatement, {}))
    .pipe(
      Effect.map((rows) =>
        rows.map((row) => ({
          id: row.id,
          publicId: row.public_id,
          name: row.name,
          createdAt: row.created_at,
          revokedAt: row.revoked_at,
        })),
      ),
    )

/** The name of the key that is now revoked (or was before); none when there is no such key. */
export const revokeApiKey = (
  pool: Pool,
  publicId: string,
): Effect.Effect<Option.Option<string>, DatabaseError> =>
  pool
    .run((sql) => run(sql, revokeApiKeyStatement, { publicId }))
    .pipe(Effect.map(([row]) => Option.map(Option.fromUndefinedOr(row), ({ name }) => name)))

export const findApiKey = (
  pool: Pool,
  publicId: string,
): Effect.Effect<Option.Option<StoredApiKey>, DatabaseError> =>
  pool
    .run((sql) => run(sql, findApiKeyStatement, { publicId }))
    .pipe(Effect.map(([row]) => Option.fromUndefinedOr(row)))
