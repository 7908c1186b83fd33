/**
 * Undoes the content coding of an answer on the side, for the reader only: the client gets the bytes as they came.
 * A broken or unknown coding makes the answer unreadable to us and touches nothing else. Runs in zlib's thread pool.
 */
import type { Transform } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib"

export interface ContentDecoder {
  /** Returns a promise when the decoder is behind; wait for it before pushing more. */
  readonly push: (chunk: Uint8Array) => Promise<void> | undefined
  /** The promise resolves once everything pushed has been read; none when it has been already. */
  readonly end: () => Promise<void> | undefined
}

/** Encoded bytes that may wait for the decoder: more than one read of a socket, so that the answer rarely waits. */
const BACKLOG = 1024 * 1024

/** Decoded bytes read of one answer; past it (a decompression bomb) its counts are unknown. */
const DECODED_LIMIT = 1024 * 1024 * 1024

const CODINGS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

const identity = (read: (chunk: Uint8Array) => void): ContentDecoder => ({
  push: (chunk) => {
    read(chunk)
    return undefined
  },
  end: () => undefined,
})

/** Reads nothing. */
export const blind: ContentDecoder = { push: () => undefined, end: () => undefined }

/** `coding` is the value of `Content-Encoding`. */
export const makeContentDecoder = (
  coding: string | null,
  read: (chunk: Uint8Array) => void,
): ContentDecoder => {
  const name = coding?.trim().toLowerCase() ?? ""
  if (name === "" || name === "identity") return identity(read)
  const create = CODINGS[name]
  return create === undefined ? blind : decoding(create(), read)
}

const decoding = (decoder: Transform, read: (chunk: Uint8Array) => void): ContentDecoder => {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  let decoded = 0
  decoder.on("data", (chunk: Uint8Array) => {
    decoded += chunk.length
    if (decoded > DECODED_LIMIT) decoder.destroy()
    else read(chunk)
  })
  decoder.on("error", () => resolve())
  decoder.on("close", () => resolve())
  decoder.on("end", () => resolve())

  return {
    push: (chunk) => {
      if (decoder.destroyed) return undefined
      decoder.write(chunk)
      if (decoder.writableLength < BACKLOG) return undefined
      const drained = new Promise<void>((drain) => decoder.once("drain", drain))
      return Promise.race([drained, over])
    },
    end: () => {
      if (!decoder.destroyed) decoder.end()
      return over
    },
  }
}
