import { describe, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"
import { Option } from "effect"
import fc from "fast-check"
import { hashApiKey, KEY_ENTROPY, makeApiKey, parseApiKey } from "../../src/core/apiKey.ts"

const entropyOf = (byte: number) => ({
  id: new Uint8Array(KEY_ENTROPY.id).fill(byte),
  secret: new Uint8Array(KEY_ENTROPY.secret).fill(byte),
})

const arbitraryKey = fc
  .record({
    id: fc.uint8Array({ minLength: KEY_ENTROPY.id, maxLength: KEY_ENTROPY.id }),
    secret: fc.uint8Array({ minLength: KEY_ENTROPY.secret, maxLength: KEY_ENTROPY.secret }),
  })
  .map(makeApiKey)

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const RUNS = { numRuns: 300, seed: 20261121 }

/** CRC-32 in six digits of base 62. */
const checksumOf = (body: string): string => {
  let digits = ""
  for (let rest = crc32(body); digits.length < 6; rest = Math.floor(rest / 62))
    digits = DIGITS.charAt(rest % 62) + digits
  return digits
}

const replaceAt = (text: string, at: number, by: string): string =>
  text.slice(0, at) + by + text.slice(at + 1)

describe("makeApiKey()", () => {
  test("makes the key that its randomness says, the same in every version", () => {
    const key = makeApiKey(entropyOf(0))
    expect(key.text).toBe("tm_00000000_000000000000000000000000000000004VQqPM")
    expect(key).toMatchObject({ publicId: "00000000", hash: hashApiKey(key.text) })
    expect(makeApiKey(entropyOf(0))).toEqual(key)
    expect(makeApiKey(entropyOf(255)).text).not.toBe(key.text)
  })

  test("makes keys that a double click selects whole", () => {
    fc.assert(
      fc.property(arbitraryKey, ({ text, publicId }) => {
        expect(text).toMatch(/^tm_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}$/)
        expect(text.slice(3, 11)).toBe(publicId)
      }),
      RUNS,
    )
  })

  test("takes enough randomness for digits that are as likely as each other", () => {
    // 62 ** n values out of 2 ** bits: what is left over of an even share is less than one part in 2 ** 64.
    expect(KEY_ENTROPY.id * 8).toBeGreaterThan(Math.log2(62 ** 8) + 64)
    expect(KEY_ENTROPY.secret * 8).toBeGreaterThan(Math.log2(62 ** 32) + 64)
  })

  test("makes the last digit of an id from the whole of its randomness", () => {
    const counts = new Map<string, number>()
    for (let byte = 0; byte < 62; byte++) {
      const id = new Uint8Array(KEY_ENTROPY.id)
      id[KEY_ENTROPY.id - 1] = byte
      const { publicId } = makeApiKey({ id, secret: entropyOf(0).secret })
      counts.set(publicId, 1 + (counts.get(publicId) ?? 0))
    }
    expect(counts.size).toBe(62)
  })
})

describe("parseApiKey()", () => {
  test("takes every key that was made", () => {
    fc.assert(
      fc.property(arbitraryKey, (key) => {
        expect(parseApiKey(key.text)).toEqual(Option.some(key))
      }),
      RUNS,
    )
  })

  test("refuses a key with a character mistyped or two swapped", () => {
    const character = fc.constantFrom(...DIGITS, ..."_-é ")
    fc.assert(
      fc.property(arbitraryKey, fc.nat({ max: 48 }), character, ({ text }, at, typed) => {
        const mistyped = replaceAt(text, at, typed)
        expect(Option.isSome(parseApiKey(mistyped))).toBe(mistyped === text)
        const swapped = replaceAt(replaceAt(text, at, text.charAt(at + 1)), at + 1, text.charAt(at))
        expect(Option.isSome(parseApiKey(swapped))).toBe(swapped === text)
      }),
      RUNS,
    )
  })

  const { text } = makeApiKey(entropyOf(7))
  const strangers: ReadonlyArray<readonly [string, string]> = [
    ["nothing", ""],
    ["a key of another kind", `AIza${"x".repeat(35)}`],
    ["a key cut short", text.slice(0, -1)],
    ["a key with more after it", `${text}0`],
    ["a key with a line feed after it", `${text}\n`],
    ["a key with a space before it", ` ${text}`],
    ["a key in capitals", text.toUpperCase()],
    ["a key without its prefix", text.slice(3)],
    ["two keys", `${text}, ${text}`],
    ["a key with a wrong checksum", `${text.slice(0, -6)}000000`],
    ["a megabyte", "tm_".repeat(350_000)],
  ]
  test("refuses a key that is too long, though its checksum is right", () => {
    const longer = `${text.slice(0, -6)}0`
    const signed = (body: string) => body + checksumOf(body)
    expect(signed(text.slice(0, -6))).toBe(text)
    expect(parseApiKey(signed(longer))).toEqual(Option.none())
    expect(parseApiKey(`tm_${signed(longer)}`)).toEqual(Option.none())
  })

  test.each(strangers)("refuses %s", (_, stranger) => {
    expect(parseApiKey(stranger)).toEqual(Option.none())
  })
})

test("hashApiKey() is SHA-256 in hex", () => {
  expect(hashApiKey("tm_ü")).toBe(createHash("sha256").update("tm_ü").digest("hex"))
})
