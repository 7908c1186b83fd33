/**
 * Every error that tokenmeter answers with itself: one tagged union, and one exhaustive switch to the wire. On the wire
 * an error is a `google.rpc.Status` in the JSON envelope of Google's APIs, so that clients handle it as Gemini's own.
 * The union may know more than the answer says. No arm can hold a key, a prompt or a URL.
 */

export type ApiError =
  /** No key, or one that is unknown, malformed, expired or revoked: the answer does not say which. */
  | { readonly _tag: "ApiKeyInvalid" }
  | { readonly _tag: "ApiKeysConflict" }
  | { readonly _tag: "KeysUnavailable" }
  | { readonly _tag: "NotFound" }
  | { readonly _tag: "BadRequest"; readonly reason: string }
  | { readonly _tag: "UpstreamUnreachable" }
  | { readonly _tag: "UpstreamTimeout" }
  | { readonly _tag: "UpstreamBroken" }
  | { readonly _tag: "Internal" }

/** `google.rpc.Status` and its HTTP status. */
export interface WireError {
  readonly code: number
  readonly message: string
  readonly status: string
  readonly details: ReadonlyArray<unknown>
}

/** `google.rpc.ErrorInfo.domain` of what tokenmeter itself says. */
const DOMAIN = "tokenmeter"

const wire = (code: number, status: string, message: string, reason: string): WireError => ({
  code,
  message,
  status,
  details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: DOMAIN }],
})

export const toWire = (error: ApiError): WireError => {
  switch (error._tag) {
    case "ApiKeyInvalid":
      return wire(
        401,
        "UNAUTHENTICATED",
        "API key not valid. Pass a key issued by this gateway as x-goog-api-key, ?key= or Authorization: Bearer.",
        "API_KEY_INVALID",
      )
    case "ApiKeysConflict":
      return wire(
        400,
        "INVALID_ARGUMENT",
        "The request carries several different API keys. Pass one.",
        "API_KEY_CONFLICT",
      )
    case "KeysUnavailable":
      return wire(
        503,
        "UNAVAILABLE",
        "API keys cannot be checked at the moment. Try again in a few seconds.",
        "API_KEYS_UNAVAILABLE",
      )
    case "NotFound":
      return wire(
        404,
        "NOT_FOUND",
        "No such path. The Gemini API is under /v1beta and /v1; this gateway's own paths are listed at /docs.",
        "PATH_NOT_FOUND",
      )
    case "BadRequest":
      return wire(400, "INVALID_ARGUMENT", error.reason, "BAD_REQUEST")
    case "UpstreamUnreachable":
      return wire(
        502,
        "UNAVAILABLE",
        "The Gemini API could not be reached. Try again.",
        "UPSTREAM_UNREACHABLE",
      )
    case "UpstreamBroken":
      return wire(
        502,
        "UNAVAILABLE",
        "The Gemini API closed the connection without an answer.",
        "UPSTREAM_BROKEN",
      )
    case "UpstreamTimeout":
      return wire(504, "DEADLINE_EXCEEDED", "The Gemini API did not answer in time.", "UPSTREAM_TIMEOUT")
    case "Internal":
      return wire(500, "INTERNAL", "Internal error of the gateway.", "INTERNAL")
  }
}

/** The body of an error answer. */
export const errorBody = (error: ApiError): { readonly error: WireError } => ({ error: toWire(error) })
