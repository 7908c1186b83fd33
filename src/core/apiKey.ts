/**
 * Client keys: format, checksum, hash. A key is `tm_<id8>_<secret32><crc6>` in base62: a public id to look it up and
 * name it by, 190 bits of secret, and a CRC-32 over all before it that tells a typing error or a stranger's string
 * from a key without asking the database. Randomness is passed in.
 */
import { Option } from "effect"

export interface ApiKey {
  /** Shown once, when made; never stored. */
  readonly text: string
  /** The public part, by which the key is looked up. */
  readonly publicId: string
  /** SHA-256 of the text, hex: all that is stored. */
  readonly hash: string
}

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const ID_LENGTH = 8
const SECRET_LENGTH = 32
const CHECKSUM_LENGTH = 6
/** Of every key, in characters. */
export const KEY_LENGTH = 3 + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
const FORMAT = /^tm_([0-9A-Za-z]{8})_[0-9A-Za-z]{38}$/

/** Bytes of randomness that a key is made of: 16 more bytes than its digits hold, so that the digits are not skewed. */
export const KEY_ENTROPY = { id: 16, secret: 40 } as const

export const makeApiKey = (entropy: { readonly id: Uint8Array; readonly secret: Uint8Array }): ApiKey => {
  const publicId = base62(bigint(entropy.id), ID_LENGTH)
  const body = `tm_${publicId}_${base62(bigint(entropy.secret), SECRET_LENGTH)}`
  const text = body + checksum(body)
  return { text, publicId, hash: hashApiKey(text) }
}

/** A text that has the form and the checksum of a key; whether it *is* one, only the database knows. */
export const parseApiKey = (text: string): Option.Option<ApiKey> => {
  const publicId = FORMAT.exec(text)?.[1]
  if (publicId === undefined) return Option.none()
  const body = text.slice(0, -CHECKSUM_LENGTH)
  if (text.slice(-CHECKSUM_LENGTH) !== checksum(body)) return Option.none()
  return Option.some({ text, publicId, hash: hashApiKey(text) })
}

/** A plain hash serves: a secret of 112 bits or more needs no slow one (NIST SP 800-63B, 5.1.2.2). */
export const hashApiKey = (text: string): string => Bun.CryptoHasher.hash("sha256", text, "hex")

const checksum = (body: string): string => base62(BigInt(Bun.hash.crc32(body)), CHECKSUM_LENGTH)

const bigint = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)

/** The lowest `length` digits, most significant first. */
const base62 = (value: bigint, length: number): string => {
  let digits = ""
  for (let rest = value; digits.length < length; rest /= 62n)
    digits = ALPHABET.charAt(Number(rest % 62n)) + digits
  return digits
}
