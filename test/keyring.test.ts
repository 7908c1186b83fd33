import { describe, expect, test } from "bun:test"
import { Effect, Option, Result } from "effect"
import { type ApiKey, KEY_ENTROPY, makeApiKey } from "../src/core/apiKey.ts"
import type { StoredApiKey } from "../src/db/apiKeys.ts"
import { DatabaseError } from "../src/db/client.ts"
import { makeKeyring } from "../src/keyring.ts"

const makeKey = (): ApiKey =>
  makeApiKey({
    id: crypto.getRandomValues(new Uint8Array(KEY_ENTROPY.id)),
    secret: crypto.getRandomValues(new Uint8Array(KEY_ENTROPY.secret)),
  })

/** A table of keys that can be taken away, and how often it was asked. */
const makeTable = () => {
  const rows = new Map<string, StoredApiKey>()
  const table = { asked: 0, isDown: false }
  const find = (publicId: string) =>
    Effect.suspend(() => {
      table.asked++
      return table.isDown
        ? Effect.fail(new DatabaseError({ code: "ECONNREFUSED" }))
        : Effect.succeed(Option.fromUndefinedOr(rows.get(publicId)))
    })
  const put = (key: ApiKey, revoked = false) =>
    rows.set(key.publicId, { id: `id of ${key.publicId}`, hash: Buffer.from(key.hash, "hex"), revoked })
  return { table, find, put }
}

const INVALID = Result.fail({ _tag: "ApiKeyInvalid" } as const)
const UNAVAILABLE = Result.fail({ _tag: "KeysUnavailable" } as const)

/** Time as the keyring reads it. */
const makeClock = () => {
  let millis = 1_000
  return { now: () => millis, advance: (by: number) => (millis += by) }
}

/** A keyring that has let a key of the table pass just now. */
const withSeenKey = async () => {
  const clock = makeClock()
  const { table, find, put } = makeTable()
  const key = makeKey()
  put(key)
  const keyring = makeKeyring(find, clock)
  await keyring.check(key.text)
  return { clock, table, put, key, keyring }
}

describe("keyring.check()", () => {
  test("lets a known key pass, and asks the database once for many calls at once", async () => {
    const { table, find, put } = makeTable()
    const key = makeKey()
    put(key)
    const keyring = makeKeyring(find)
    const checks = await Promise.all(Array.from({ length: 50 }, () => keyring.check(key.text)))
    expect(checks.every((check) => Result.getOrNull(check) === `id of ${key.publicId}`)).toBe(true)
    expect(table.asked).toBe(1)
  })

  test("answers at once, without a promise, for a key seen before", async () => {
    const { find, put } = makeTable()
    const key = makeKey()
    put(key)
    const keyring = makeKeyring(find)
    await keyring.check(key.text)
    expect(keyring.check(key.text)).not.toBeInstanceOf(Promise)
  })

  test("refuses what has not the form or the checksum of a key without asking the database", () => {
    const { table, find } = makeTable()
    const keyring = makeKeyring(find)
    const { text } = makeKey()
    for (const wrong of ["", "tm_", "AIzaSomething", `${text}x`, text.slice(0, -1), flipLast(text)])
      expect(keyring.check(wrong)).toEqual(INVALID)
    expect(table.asked).toBe(0)
  })

  test("refuses an unknown key, a revoked one, and one whose id is known and whose secret is not", async () => {
    const { find, put } = makeTable()
    const [known, revoked] = [makeKey(), makeKey()]
    put(known)
    put(revoked, true)
    const forged = makeApiKey({ id: new Uint8Array(16).fill(7), secret: new Uint8Array(40).fill(1) })
    put({ ...makeApiKey({ id: new Uint8Array(16).fill(7), secret: new Uint8Array(40).fill(2) }) })
    const keyring = makeKeyring(find)
    for (const key of [makeKey(), revoked, forged]) expect(await keyring.check(key.text)).toEqual(INVALID)
  })

  test("asks about an unknown key once in a while, not every time", async () => {
    const clock = makeClock()
    const { table, find, put } = makeTable()
    const key = makeKey()
    const keyring = makeKeyring(find, clock)
    for (let call = 0; call < 10; call++) expect(await keyring.check(key.text)).toEqual(INVALID)
    expect(table.asked).toBe(1)
    put(key)
    clock.advance(2_001)
    expect(Result.isSuccess(await keyring.check(key.text))).toBe(true)
  })

  test("refuses a revoked key within 5 seconds, however seldom it is used", async () => {
    const { clock, put, key, keyring } = await withSeenKey()
    put(key, true)
    clock.advance(5_001)
    expect(await keyring.check(key.text)).toEqual(INVALID)
  })

  test("asks again in the background, so that a key in use never waits", async () => {
    const { clock, table, key, keyring } = await withSeenKey()
    clock.advance(2_501)
    expect(keyring.check(key.text)).toEqual(Result.succeed(`id of ${key.publicId}`))
    expect(table.asked).toBe(2)
  })

  test("lets keys seen lately pass at once while the database is down, for a minute; others are not called invalid", async () => {
    const clock = makeClock()
    const { table, find, put } = makeTable()
    const [seen, unseen] = [makeKey(), makeKey()]
    put(seen)
    put(unseen)
    const keyring = makeKeyring(find, clock)
    await keyring.check(seen.text)
    table.isDown = true
    clock.advance(30_000)
    expect(Result.isSuccess(await keyring.check(seen.text))).toBe(true)
    clock.advance(29_000)
    expect(keyring.check(seen.text)).toEqual(Result.succeed(`id of ${seen.publicId}`))
    expect(await keyring.check(unseen.text)).toEqual(UNAVAILABLE)
    clock.advance(1_001)
    expect(await keyring.check(seen.text)).toEqual(UNAVAILABLE)
    table.isDown = false
    await keyring.check(seen.text)
    expect(Result.isSuccess(await keyring.check(seen.text))).toBe(true)
  })

  test("never lets a key pass again that was seen revoked, also when the database goes down after that", async () => {
    const { clock, table, put, key, keyring } = await withSeenKey()
    put(key, true)
    clock.advance(5_001)
    expect(await keyring.check(key.text)).toEqual(INVALID)
    table.isDown = true
    clock.advance(2_001)
    expect(await keyring.check(key.text)).toEqual(UNAVAILABLE)
  })
})

const flipLast = (text: string): string => text.slice(0, -1) + (text.endsWith("0") ? "1" : "0")
