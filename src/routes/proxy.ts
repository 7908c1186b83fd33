/**
 * The paths of the Gemini API, passed through: key check, upstream call, the answer streamed back untouched, and its
 * usage handed to the recorder at the end. Thin: what can be decided from values alone is decided in the core.
 */
import { Effect, Option } from "effect"
import { Elysia } from "elysia"
import type { ApiError } from "../core/errors.ts"
import { clientHeaders } from "../core/headers.ts"
import { operationOf } from "../core/operation.ts"
import { clientUrl, requestTarget } from "../core/target.ts"
import type { Keyring } from "../keyring.ts"
import type { Meter } from "../meter.ts"
import { relayBody } from "../relay.ts"
import { callUpstream, type UpstreamError, type UpstreamOptions } from "../upstream.ts"
import { authenticate } from "./auth.ts"
import { errorResponse } from "./errors.ts"

export interface ProxyOptions {
  readonly keyring: Keyring
  readonly upstream: UpstreamOptions
  readonly meter: Meter
}

/** Every version that the API has had; `upload` and `download` are its media endpoints. */
const PREFIXES = ["/v1", "/v1beta", "/v1alpha", "/v1beta2", "/v1beta3", "/upload", "/download"] as const

export const proxy = (options: ProxyOptions) => {
  const app = new Elysia({ name: "proxy" })
  for (const prefix of PREFIXES)
    app.all(
      `${prefix}/*`,
      ({ request, server }) => {
        // A thinking model is silent for longer than any idle timeout that suits the other paths.
        server?.timeout(request, 0)
        return Effect.runPromise(
          forward(options, request).pipe(Effect.catch((error) => Effect.succeed(errorResponse(error)))),
        )
      },
      { parse: "none", detail: { hide: true } },
    )
  return app
}

const forward = Effect.fnUntraced(function* (
  options: ProxyOptions,
  request: Request,
): Effect.fn.Return<Response, ApiError> {
  const target = Option.getOrUndefined(requestTarget(request.url))
  if (target === undefined) return yield* Effect.fail(BAD_TARGET)
  const apiKeyId = yield* authenticate(options.keyring, request.headers, target.keys)
  const exchange = options.meter.admit(apiKeyId, operationOf(request.method, target.path))

  const answer = yield* callUpstream(options.upstream, request, target).pipe(
    Effect.tapError((error) => Effect.sync(() => exchange.endWithoutAnswer(error))),
    Effect.mapError(toApiError),
  )
  const { status, statusText } = answer
  const headers = clientHeaders(answer.headers, rewriter(options.upstream.origin, request.url))
  const body = yield* relayBody(answer, request.signal, exchange.observe(answer)).pipe(
    Effect.mapError(toApiError),
  )
  return new Response(body, { status, statusText, headers })
})

const BAD_TARGET: ApiError = { _tag: "BadRequest", reason: "The request target or Host header is not valid." }

const toApiError = ({ reason }: UpstreamError): ApiError => {
  switch (reason) {
    case "unreachable":
      return { _tag: "UpstreamUnreachable" }
    case "timeout":
      return { _tag: "UpstreamTimeout" }
    case "broken":
    case "aborted":
      return { _tag: "UpstreamBroken" }
  }
}

const rewriter = (upstreamOrigin: string, requestUrl: string) => (url: string) =>
  clientUrl(upstreamOrigin, new URL(requestUrl).origin, url)
