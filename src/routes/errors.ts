/** Errors on the way out: every one that a route or Elysia raises becomes an answer here, and nowhere else. */
import { Elysia } from "elysia"
import { type ApiError, errorBody } from "../core/errors.ts"

export const errorResponse = (error: ApiError): Response => {
  const body = errorBody(error)
  return Response.json(body, { status: body.error.code, headers: { "cache-control": "no-store" } })
}

export const BAD_TARGET: ApiError = {
  _tag: "BadRequest",
  reason: "The request target or Host header is not valid.",
}

/** What may be said of an exception that nobody expected: its class, and where it was thrown. */
export interface Defect {
  readonly name: string
  readonly at: string
}

const describe = (error: unknown): Defect => {
  if (!(error instanceof Error)) return { name: typeof error, at: "" }
  const frame = error.stack?.split("\n").find((line) => line.trimStart().startsWith("at ")) ?? ""
  return { name: error.name, at: frame.trim() }
}

/** For every route of the app. A defect is answered, and passed on, without its message, which may hold anything. */
export const errors = (onDefect: (defect: Defect) => void) =>
  new Elysia({ name: "errors" }).onError({ as: "global" }, ({ code, error, request }) => {
    switch (code) {
      case "NOT_FOUND":
        // With a malformed Host header, Request.url is relative, and no route can be found by it.
        return errorResponse(URL.canParse(request.url) ? { _tag: "NotFound" } : BAD_TARGET)
      case "VALIDATION":
      case "PARSE":
      case "INVALID_COOKIE_SIGNATURE":
        return errorResponse({
          _tag: "BadRequest",
          reason: "The request is not of the form that this path takes. See /docs.",
        })
      default:
        onDefect(describe(error))
        return errorResponse({ _tag: "Internal" })
    }
  })
