/**
 * The paths of the Gemini API, passed through: key check, upstream call, the answer streamed back untouched, and its
 * usage handed to the recorder at the end. Thin: what can be decided from values alone is decided in the core.
 */
import { Option, Result } from "effect"
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
import { BAD_TARGET, errorResponse } from "./errors.ts"

export interface ProxyOptions {
  readonly keyring: Keyring
  readonly upstream: UpstreamOptions
  readonly meter: Meter
}

/** Idle time of a client's connection, in seconds, outside of proxied calls. */
export const IDLE_SECONDS = 30

/** Every version that the API has had; `upload` and `download` are its media endpoints. */
const PREFIXES = ["/v1", "/v1beta", "/v1alpha", "/v1beta2", "/v1beta3", "/upload", "/download"] as const

export const proxy = (options: ProxyOptions) => {
  const app = new Elysia({ name: "proxy" })
  for (const prefix of PREFIXES)
    app.all(
      `${prefix}/*`,
      ({ request, server }) =>
        forward(options, request, {
          lift: () => server?.timeout(request, 0),
          restore: () => server?.timeout(request, IDLE_SECONDS),
        }),
      { parse: "none", detail: { hide: true } },
    )
  return app
}

/** The idle limit of the client's connection: a thinking model is silent for longer than suits a client that stalls. */
interface IdleLimit {
  readonly lift: () => void
  readonly restore: () => void
}

const forward = async (options: ProxyOptions, request: Request, idleLimit: IdleLimit): Promise<Response> => {
  const fail = (error: ApiError) => {
    idleLimit.restore()
    return errorResponse(error)
  }
  if (!METHODS.has(request.method)) return fail(BAD_METHOD)
  const target = Option.getOrUndefined(requestTarget(request.url))
  if (target === undefined) return fail(BAD_TARGET)
  const checked = authenticate(options.keyring, request.headers, target.keys)
  const apiKeyId = checked instanceof Promise ? await checked : checked
  if (Result.isFailure(apiKeyId)) return fail(apiKeyId.failure)
  const exchange = options.meter.admit(apiKeyId.success, operationOf(request.method, target.path))

  const call = await callUpstream(options.upstream, request, target, idleLimit.lift)
  if (Result.isFailure(call)) {
    exchange.endWithoutAnswer(call.failure)
    return fail(toApiError(call.failure))
  }
  const { answer, heard, over } = call.success
  const observer = exchange.observe(answer)
  const body = await relayBody(answer.body, request.signal, {
    onChunk: (chunk) => {
      heard()
      return observer.onChunk(chunk)
    },
    onEnd: (ending) => {
      over()
      idleLimit.restore()
      return observer.onEnd(ending)
    },
  })
  if (Result.isFailure(body)) return fail(toApiError(body.failure))
  const headers = clientHeaders(answer.headers, rewriter(options.upstream.origin, request.url))
  return new Response(body.success, { status: answer.status, statusText: answer.statusText, headers })
}

/** TRACE and CONNECT are not among them: an upstream that knows them would send our key back, or open a tunnel. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
const BAD_METHOD: ApiError = { _tag: "BadRequest", reason: "The Gemini API has no such HTTP method." }

const toApiError = ({ reason }: UpstreamError): ApiError => {
  switch (reason) {
    case "unreachable":
      return { _tag: "UpstreamUnreachable" }
    case "timeout":
      return { _tag: "UpstreamTimeout" }
    case "unsent":
    case "broken":
    case "aborted":
      return { _tag: "UpstreamBroken" }
  }
}

const rewriter = (upstreamOrigin: string, requestUrl: string) => (url: string) =>
  clientUrl(upstreamOrigin, new URL(requestUrl).origin, url)
