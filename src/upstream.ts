/**
 * The one call to the upstream: to the pinned origin alone, following no redirect and decoding nothing. What becomes of
 * the answer is not decided here.
 */
import { Data, Option, Result } from "effect"
import { upstreamHeaders } from "./core/headers.ts"
import { type RequestTarget, upstreamUrl } from "./core/target.ts"

/** The upstream gave no answer. The cause is not kept: it holds the URL. */
export class UpstreamError extends Data.TaggedError("UpstreamError")<{
  /** `unsent`: the client hung up before. `unreachable`: it could not be sent. Of the others that is not known. */
  readonly reason: "unsent" | "unreachable" | "broken" | "timeout" | "aborted"
}> {}

export interface UpstreamOptions {
  readonly origin: string
  readonly apiKey: string
}

/** A request body up to this size is read before the call: streaming a small one costs a third of the throughput. */
const SMALL_BODY = 64 * 1024

export const callUpstream = async (
  { origin, apiKey }: UpstreamOptions,
  request: Request,
  target: RequestTarget,
): Promise<Result.Result<Response, UpstreamError>> => {
  const url = Option.getOrUndefined(upstreamUrl(origin, target))
  if (url === undefined) return Result.fail(new UpstreamError({ reason: "unsent" }))
  try {
    return Result.succeed(await send(url, request, apiKey))
  } catch (cause) {
    return Result.fail(toUpstreamError(cause))
  }
}

const send = async (url: string, request: Request, apiKey: string): Promise<Response> => {
  const headers = upstreamHeaders(request.headers, apiKey)
  const length = request.body === null ? null : request.headers.get("content-length")
  // Bun frames a stream by this header, and by chunks without it.
  if (length !== null) headers["content-length"] = length
  const isSmall = length !== null && Number(length) <= SMALL_BODY
  const answer = await fetch(url, {
    method: request.method,
    headers,
    body: isSmall ? await readBody(request) : request.body,
    signal: request.signal,
    redirect: "manual",
    decompress: false,
  })
  if (answer.status >= 200 && answer.status <= 599) return answer
  // HTTP has no such final status (RFC 9110, 15), and no response can be made with it.
  await answer.body?.cancel()
  throw new UpstreamError({ reason: "broken" })
}

const readBody = (request: Request): Promise<ArrayBuffer> =>
  request.arrayBuffer().catch(() => {
    throw new UpstreamError({ reason: "unsent" })
  })

const UNREACHABLE =
  /^(ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN|DNS\w*|\w*CERT\w*|UNABLE_TO_\w+|EHOSTUNREACH|ENETUNREACH)$/

export const toUpstreamError = (cause: unknown): UpstreamError =>
  cause instanceof UpstreamError ? cause : new UpstreamError({ reason: reasonOf(cause) })

const reasonOf = (cause: unknown): UpstreamError["reason"] => {
  if (!(cause instanceof Error)) return "broken"
  if (cause.name === "AbortError") return "aborted"
  if (cause.name === "TimeoutError") return "timeout"
  return "code" in cause && UNREACHABLE.test(String(cause.code)) ? "unreachable" : "broken"
}
