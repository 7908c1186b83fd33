import { describe, expect, test } from "bun:test"
import { type ApiError, errorBody, toWire } from "../../src/core/errors.ts"

const answers: ReadonlyArray<readonly [ApiError, number, string, string]> = [
  [{ _tag: "ApiKeyInvalid" }, 401, "UNAUTHENTICATED", "API_KEY_INVALID"],
  [{ _tag: "ApiKeysConflict" }, 400, "INVALID_ARGUMENT", "API_KEY_CONFLICT"],
  [{ _tag: "KeysUnavailable" }, 503, "UNAVAILABLE", "API_KEYS_UNAVAILABLE"],
  [{ _tag: "NotFound" }, 404, "NOT_FOUND", "PATH_NOT_FOUND"],
  [{ _tag: "BadRequest", reason: "Say it so." }, 400, "INVALID_ARGUMENT", "BAD_REQUEST"],
  [{ _tag: "UpstreamUnreachable" }, 502, "UNAVAILABLE", "UPSTREAM_UNREACHABLE"],
  [{ _tag: "UpstreamBroken" }, 502, "UNAVAILABLE", "UPSTREAM_BROKEN"],
  [{ _tag: "UpstreamTimeout" }, 504, "DEADLINE_EXCEEDED", "UPSTREAM_TIMEOUT"],
  [{ _tag: "Internal" }, 500, "INTERNAL", "INTERNAL"],
]

describe("errorBody()", () => {
  test.each(answers)("answers %j with %d %s", (error, code, status, reason) => {
    const body = JSON.parse(JSON.stringify(errorBody(error)))
    expect(body).toEqual({
      error: {
        code,
        message: expect.stringMatching(/^[A-Z].+\.$/),
        status,
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "tokenmeter" }],
      },
    })
  })

  test("gives the reason of a bad request as the message", () => {
    expect(toWire({ _tag: "BadRequest", reason: "Say it so." }).message).toBe("Say it so.")
  })

  test("gives every error a reason of its own", () => {
    const reasons = answers.map(([error]) => JSON.stringify(toWire(error).details))
    expect(new Set(reasons).size).toBe(answers.length)
  })
})
