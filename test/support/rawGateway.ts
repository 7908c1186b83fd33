/** tokenmeter between a raw client and a raw upstream: what a test writes at one end, it reads at the other. */
import { Redacted } from "effect"
import type { ServerConfig } from "../../src/server.ts"
import { type Gateway, startGateway } from "./gateway.ts"
import { chunk, type Fields, head, LAST_CHUNK, type Message } from "./message.ts"
import { type RawCall, send } from "./rawClient.ts"
import { type Arrival, type RawUpstream, startRawUpstream } from "./rawUpstream.ts"

export const GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
export const STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
/** Not a generation: passed through, and not metered. */
export const DOWNLOAD = "/v1beta/files/f1:download?alt=media"

export const UPSTREAM_KEY = "upstream-key-of-the-tests"

export interface RequestParts {
  readonly method?: string
  readonly target?: string
  readonly fields?: Fields
  /** In place of the key's header. */
  readonly credentials?: Fields
  readonly body?: Uint8Array | string
}

export interface Exchange {
  readonly call: RawCall
  readonly arrival: Arrival
}

export type Sender = (parts?: RequestParts) => Promise<RawCall>

/** Sends requests to a gateway: by default a generation, with the client's key. */
export const makeSender = (url: string, key: string): Sender => {
  const { host } = new URL(url)
  return ({ method, target = GENERATE, fields = [], credentials, body } = {}) => {
    const verb = method ?? (target === DOWNLOAD ? "GET" : "POST")
    const content = Buffer.from(body ?? (verb === "POST" ? "{}" : ""))
    const all: Fields = [
      ["Host", host],
      ...(credentials ?? ([["x-goog-api-key", key]] as const)),
      ...fields,
      ...(content.length > 0 ? ([["Content-Length", String(content.length)]] as const) : []),
    ]
    return send(url, Buffer.concat([Buffer.from(head(`${verb} ${target} HTTP/1.1`, all), "latin1"), content]))
  }
}

export interface RawGateway extends Gateway {
  readonly upstream: RawUpstream
  readonly send: Sender
  /** Sends a request and waits for it at the upstream. */
  readonly exchange: (parts?: RequestParts) => Promise<Exchange>
}

export const startRawGateway = async (config: Partial<ServerConfig> = {}): Promise<RawGateway> => {
  const upstream = startRawUpstream()
  const gateway = await startGateway({
    config: { upstreamUrl: upstream.url, geminiApiKey: Redacted.make(UPSTREAM_KEY), ...config },
  })
  const send = makeSender(gateway.url, gateway.key)
  return {
    ...gateway,
    upstream,
    send,
    exchange: async (parts) => {
      const call = await send(parts)
      return { call, arrival: await upstream.next() }
    },
    stop: async () => {
      upstream.stop()
      await gateway.stop()
    },
  }
}

/**
 * Has the upstream send `pieces`, each only after the client has had the one before; returns what the client got.
 * Fails when a piece waits for the next.
 */
export const relayInLockStep = async (
  { call, arrival }: Exchange,
  pieces: ReadonlyArray<Uint8Array>,
): Promise<{ readonly answer: Message; readonly received: ReadonlyArray<Uint8Array | undefined> }> => {
  const received: Array<Uint8Array | undefined> = []
  let answer: Message | undefined
  for (const piece of pieces) {
    await arrival.connection.write(chunk(piece))
    answer ??= await call.answer()
    received.push(await answer.nextChunk())
  }
  await arrival.connection.write(LAST_CHUNK)
  answer ??= await call.answer()
  received.push(await answer.nextChunk())
  return { answer, received }
}
