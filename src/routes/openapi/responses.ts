/** What every passed-through operation has in common: how a client shows its key, and the errors it can meet. Data only. */
import type { ElysiaSwaggerConfig } from "@elysiajs/swagger"
import { type ApiError, errorBody } from "../../core/errors.ts"

type Components = NonNullable<NonNullable<ElysiaSwaggerConfig["documentation"]>["components"]>

/** Any one of the three will do. */
export const clientKey = [{ apiKey: [] }, { apiKeyQuery: [] }, { apiKeyBearer: [] }]

/** A response body, or a request body, that has one schema and one example. */
export const json = (schema: string, example: object) => ({
  "application/json": { schema: { $ref: `#/components/schemas/${schema}` }, example },
})

const own = (description: string, tag: Exclude<ApiError["_tag"], "BadRequest">) => ({
  description,
  content: json("Error", errorBody({ _tag: tag })),
})

export const responses: NonNullable<Components["responses"]> = {
  InvalidKey: own(
    "The key is missing, malformed, unknown, expired or revoked. Nothing was sent to Gemini.",
    "ApiKeyInvalid",
  ),
  UpstreamFailed: own(
    "Gemini could not be reached, or closed the connection without an answer.",
    "UpstreamUnreachable",
  ),
  Unavailable: own(
    "Keys cannot be checked at the moment. Gemini's own 503 (overloaded) is passed through as it is.",
    "KeysUnavailable",
  ),
  UpstreamTimeout: own("Gemini did not answer in time.", "UpstreamTimeout"),
  OtherError: {
    description: "Gemini's own error, unchanged, or one of tokenmeter's in the same shape.",
    content: json("Error", {
      error: { code: 400, message: "Invalid value at 'contents'.", status: "INVALID_ARGUMENT" },
    }),
  },
}

/** The error responses of an operation that is passed through. */
export const failures = {
  "401": { $ref: "#/components/responses/InvalidKey" },
  "502": { $ref: "#/components/responses/UpstreamFailed" },
  "503": { $ref: "#/components/responses/Unavailable" },
  "504": { $ref: "#/components/responses/UpstreamTimeout" },
  default: { $ref: "#/components/responses/OtherError" },
}

export const modelParameter = (example: string) => ({
  name: "model",
  in: "path",
  required: true,
  description: "The model's id, without `models/`.",
  schema: { type: "string" as const },
  example,
})
