import { expect, test } from "bun:test"
import { Result } from "effect"
import { relayBody } from "../src/relay.ts"
import { connect, soon } from "./support/connection.ts"

/** More than the buffers between two sockets hold. */
const MORE_THAN_FITS = new Uint8Array(32 * 1024 * 1024)

test("relayBody() shows a chunk to the observer before it waits for a client that is behind", async () => {
  const seen = Promise.withResolvers<number>()
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(MORE_THAN_FITS),
  })
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const relayed = await relayBody(body, request.signal, {
        onChunk: (chunk) => {
          seen.resolve(chunk.length)
          return undefined
        },
        onEnd: () => undefined,
      })
      return new Response(Result.getOrThrow(relayed))
    },
  })
  const client = await connect(server.url.origin)
  await client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
  // The client reads nothing.
  expect(await soon("the chunk", seen.promise)).toBe(MORE_THAN_FITS.length)
  client.reset()
})
