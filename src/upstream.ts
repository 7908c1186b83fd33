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
  /** Milliseconds for which the upstream may be silent, before its answer or within; then the call is given up. */
  readonly silenceLimit: number
}

export interface UpstreamCall {
  readonly answer: Response
  /** To be called for each chunk of the body, and once at its end. */
  readonly heard: () => void
  readonly over: () => void
}

/** A request body up to this size is read before the call: streaming a small one costs a third of the throughput. */
const SMALL_BODY = 64 * 1024

/** `onBody` is called once the client has sent, or begun to stream, the body of its request. */
export const callUpstream = async (
  options: UpstreamOptions,
  request: Request,
  target: RequestTarget,
  onBody: () => void,
): Promise<Result.Result<UpstreamCall, UpstreamError>> => {
  const url = Option.getOrUndefined(upstreamUrl(options.origin, target))
  if (url === undefined) return Result.fail(new UpstreamError({ reason: "unsent" }))
  try {
    return Result.succeed(await send(url, request, options, onBody))
  } catch (cause) {
    return Result.fail(toUpstreamError(cause))
  }
}

const send = async (
  url: string,
  request: Request,
  { apiKey, silenceLimit }: UpstreamOptions,
  onBody: () => void,
): Promise<UpstreamCall> => {
  const headers = upstreamHeaders(request.headers, apiKey)
  const length = request.body === null ? null : request.headers.get("content-length")
  // Bun frames a stream by this header, and by chunks without it.
  if (length !== null) headers["content-length"] = length
  const isStreamed = request.body !== null && (length === null || Number(length) > SMALL_BODY)
  const body = isStreamed || request.body === null ? request.body : await readBody(request)
  onBody()

  // While the client uploads, the upstream is silent with reason: then Bun's own limit holds, which counts both ways.
  const silence = isStreamed ? unlimited(request.signal) : limitSilence(silenceLimit, request.signal)
  try {
    const answer = await fetch(url, {
      method: request.method,
      headers,
      body,
      signal: silence.signal,
      redirect: "manual",
      decompress: false,
      ...(isStreamed ? {} : { timeout: false }),
    })
    if (answer.status >= 200 && answer.status <= 599)
      return { answer, heard: silence.heard, over: silence.over }
    // HTTP has no such final status (RFC 9110, 15), and no response can be made with it.
    await answer.body?.cancel()
    throw new UpstreamError({ reason: "broken" })
  } catch (cause) {
    silence.over()
    throw cause
  }
}

interface Silence {
  /** Aborted by the client's hang-up, or when a limit was passed. */
  readonly signal: AbortSignal
  readonly heard: () => void
  readonly over: () => void
}

const unlimited = (client: AbortSignal): Silence => ({ signal: client, heard: () => {}, over: () => {} })

const limitSilence = (millis: number, client: AbortSignal): Silence => {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new DOMException("", "TimeoutError")), millis)
  const onAbort = () => controller.abort(client.reason)
  client.addEventListener("abort", onAbort, { once: true })
  return {
    signal: controller.signal,
    heard: () => timer.refresh(),
    over: () => {
      clearTimeout(timer)
      client.removeEventListener("abort", onAbort)
    },
  }
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
