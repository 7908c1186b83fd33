/**
 * The one call to the upstream: to the pinned origin alone, following no redirect and decoding nothing. What becomes of
 * the answer is not decided here.
 */
import { Data, Effect, Option } from "effect"
import { upstreamHeaders } from "./core/headers.ts"
import { type RequestTarget, upstreamUrl } from "./core/target.ts"

/** The upstream gave no answer. The cause is not kept: it holds the URL. */
export class UpstreamError extends Data.TaggedError("UpstreamError")<{
  /** `unreachable`: the request was not sent. Of the others that is not known. */
  readonly reason: "unreachable" | "broken" | "timeout" | "aborted"
}> {}

export interface UpstreamOptions {
  readonly origin: string
  readonly apiKey: string
}

/** A request body up to this size is read before the call: streaming a small one costs a third of the throughput. */
const SMALL_BODY = 64 * 1024

export const callUpstream = (
  { origin, apiKey }: UpstreamOptions,
  request: Request,
  target: RequestTarget,
): Effect.Effect<Response, UpstreamError> =>
  Option.match(upstreamUrl(origin, target), {
    onNone: () => Effect.fail(new UpstreamError({ reason: "unreachable" })),
    onSome: (url) =>
      Effect.tryPromise({
        try: async () =>
          fetch(url, {
            method: request.method,
            headers: upstreamHeaders(request.headers, apiKey),
            body: isSmall(request.headers) ? await request.arrayBuffer() : request.body,
            signal: request.signal,
            redirect: "manual",
            decompress: false,
          }),
        catch: toUpstreamError,
      }),
  })

const isSmall = (headers: Headers): boolean => {
  const length = headers.get("content-length")
  return length !== null && Number(length) <= SMALL_BODY
}

const UNREACHABLE =
  /^(ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN|DNS\w*|\w*CERT\w*|EHOSTUNREACH|ENETUNREACH)$/

export const toUpstreamError = (cause: unknown): UpstreamError =>
  new UpstreamError({ reason: reasonOf(cause) })

const reasonOf = (cause: unknown): UpstreamError["reason"] => {
  if (!(cause instanceof Error)) return "broken"
  if (cause.name === "AbortError") return "aborted"
  if (cause.name === "TimeoutError") return "timeout"
  return "code" in cause && UNREACHABLE.test(String(cause.code)) ? "unreachable" : "broken"
}
