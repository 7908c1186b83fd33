/** Errors that tokenmeter answers with itself: checks that they are shaped as Google's are, and names them in a line. */
import { expect } from "bun:test"
import { KEY_ENTROPY, makeApiKey } from "../../src/core/apiKey.ts"
import type { RawCall } from "./rawClient.ts"

/** Of the right form, and nobody's. */
export const strangersKey = makeApiKey({
  id: Buffer.alloc(KEY_ENTROPY.id, 1),
  secret: Buffer.alloc(KEY_ENTROPY.secret, 2),
}).text

/** Code, status and reason of the error that answers a call, in whose answer none of `secrets` is. */
export const refusalOf = async (call: RawCall, secrets: ReadonlyArray<string>): Promise<string> => {
  const answer = await call.answer()
  expect(answer.header("content-type")).toStartWith("application/json")
  const body = JSON.parse((await answer.body()).toString())
  call.connection.end()
  expect(body).toEqual({
    error: {
      code: Number(answer.startLine.split(" ")[1]),
      message: expect.stringMatching(/^[A-Z].+\.$/),
      status: expect.stringMatching(/^[A-Z_]+$/),
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: expect.stringMatching(/^[A-Z_]+$/),
          domain: "tokenmeter",
        },
      ],
    },
  })
  for (const secret of secrets) expect(JSON.stringify([body, answer.fields])).not.toContain(secret)
  const { code, status, details } = body.error
  return `${code} ${status} ${details[0].reason}`
}
