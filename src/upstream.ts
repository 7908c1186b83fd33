/**
 * The one call to the upstream and the one observer of its answer. The call goes to the pinned origin alone, follows no
 * redirect and decodes nothing; the observer hands every chunk on as it came and lets a reader look at it.
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
        catch: (cause) => new UpstreamError({ reason: reasonOf(cause) }),
      }),
  })

const isSmall = (headers: Headers): boolean => {
  const length = headers.get("content-length")
  return length !== null && Number(length) <= SMALL_BODY
}

const UNREACHABLE =
  /^(ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN|DNS\w*|\w*CERT\w*|EHOSTUNREACH|ENETUNREACH)$/

const reasonOf = (cause: unknown): UpstreamError["reason"] => {
  if (!(cause instanceof Error)) return "broken"
  if (cause.name === "AbortError") return "aborted"
  if (cause.name === "TimeoutError") return "timeout"
  return "code" in cause && UNREACHABLE.test(String(cause.code)) ? "unreachable" : "broken"
}

/** How the body ended on the wire. */
export type BodyEnding = "complete" | "client_aborted" | "upstream_failed"

export interface BodyObserver {
  /** Sees each chunk after it was handed on. A promise asks for a pause before the next one. */
  readonly onChunk: (chunk: Uint8Array) => Promise<void> | undefined
  /** Called once; the client sees the end of the body only when this has resolved. */
  readonly onEnd: (ending: BodyEnding) => Promise<void> | undefined
}

/** The same bytes in the same chunks, one pull of the client for one read of the upstream. */
export const observeBody = (
  body: ReadableStream<Uint8Array>,
  { onChunk, onEnd }: BodyObserver,
): ReadableStream<Uint8Array> => {
  const reader = body.getReader()
  let ended = false
  const end = (ending: BodyEnding): Promise<void> | undefined => {
    if (ended) return undefined
    ended = true
    return onEnd(ending)
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read()
          if (done) {
            const settled = end("complete")
            if (settled !== undefined) await settled
            controller.close()
            return
          }
          controller.enqueue(value)
          const pause = onChunk(value)
          if (pause !== undefined) await pause
        } catch (error) {
          await end("upstream_failed")
          controller.error(error)
        }
      },
      cancel: async (reason) => {
        await end("client_aborted")
        await reader.cancel(reason)
      },
    },
    // Nothing is read ahead of the client.
    { highWaterMark: 0 },
  )
}
