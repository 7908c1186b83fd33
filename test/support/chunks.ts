/** Ways to cut bytes into chunks, for tests that say "however it is cut". Chance comes from a seed, so a failure repeats. */

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Numbers in [0, 1), the same for the same seed (a linear congruential generator). */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Chunks of `size` bytes; the last one may be shorter. */
export const chunksOf = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )

/** From a few large chunks to many small ones: how large they may be is drawn first, then each one's size. */
export const randomChunks = (bytes: Uint8Array, random: () => number): ReadonlyArray<Uint8Array> => {
  const largest = Math.max(1, Math.ceil(bytes.length * random() ** 3))
  const chunks: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(random() * largest)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

/** Hands each chunk over in memory that is overwritten right after, as a socket's buffer may be. */
export const pushEach = (chunks: Iterable<Uint8Array>, push: (chunk: Uint8Array) => void): void => {
  for (const chunk of chunks) {
    const lent = chunk.slice()
    push(lent)
    lent.fill(0x22)
  }
}
