/** What an answer of the stand-in for Gemini is, before framing.ts puts it on the wire; and its failures. */
import { Result, Schema } from "effect"

export interface Failure {
  readonly kind: "failure"
  readonly code: number
  readonly status: string
  readonly message: string
  readonly details?: ReadonlyArray<object>
}

export type Answer =
  | { readonly kind: "body"; readonly body: object }
  /** `breaksWith`: the stream stops in the middle and this error follows. */
  | { readonly kind: "chunks"; readonly chunks: ReadonlyArray<object>; readonly breaksWith?: Failure }
  | Failure

export const failure = (code: number, status: string, message: string): Failure => ({
  kind: "failure",
  code,
  status,
  message,
})

export const unavailable = failure(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")

export const badKey: Failure = {
  ...failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
  details: [
    {
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: "API_KEY_INVALID",
      domain: "googleapis.com",
      metadata: { service: "generativelanguage.googleapis.com" },
    },
  ],
}

export const missingKey = failure(403, "PERMISSION_DENIED", "The request has no API key.")

export const unknownModel = (name: string, method: string): Failure =>
  failure(404, "NOT_FOUND", `models/${name} is not found, or is not supported for ${method}.`)

export const unknownPath = failure(404, "NOT_FOUND", "The stand-in for Gemini does not know this path.")

/** Decodes a request and answers it; a body of another shape is the client's mistake. */
export const answerDecoded = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  body: unknown,
  answer: (request: S["Type"]) => Answer,
): Answer =>
  Result.match(Schema.decodeUnknownResult(schema)(body), {
    onSuccess: answer,
    onFailure: ({ message }) => failure(400, "INVALID_ARGUMENT", `Invalid JSON payload received. ${message}`),
  })
