/**
 * One exchange as it happens: mints its id and reads the clock at admission, lets the core read the answer beside the
 * client, and offers the request log once the exchange has ended, however it did. Decides nothing about counts.
 */
import { type Effect, Latch, Option } from "effect"
import { blind, makeContentDecoder } from "./contentDecoder.ts"
import { type AnswerReader, makeAnswerReader } from "./core/exchange.ts"
import type { Operation } from "./core/operation.ts"
import { type Admission, type Outcome, type RequestLog, requestLog } from "./core/requestLog.ts"
import type { BodyObserver } from "./relay.ts"
import type { UpstreamError } from "./upstream.ts"

export interface Exchange {
  readonly observe: (answer: Response) => BodyObserver
  readonly endWithoutAnswer: (error: UpstreamError) => void
}

export interface Meter {
  readonly admit: (apiKeyId: string, operation: Operation) => Exchange
  /** Waits until every exchange that was admitted has ended. */
  readonly settled: Effect.Effect<void>
}

/** `record` is synchronous and total. */
export const makeMeter = (record: (log: RequestLog) => void): Meter => {
  let lastMillis = 0
  let underWay = 0
  const settled = Latch.makeUnsafe(true)
  const onEnd = () => {
    if (--underWay === 0) Latch.openUnsafe(settled)
  }
  return {
    settled: settled.await,
    admit: (apiKeyId, operation) => {
      if (operation.surface === "none") return unmetered
      // Never behind an earlier id, even when the clock is set back.
      lastMillis = Math.max(lastMillis, Date.now())
      const id = Bun.randomUUIDv7("hex", lastMillis)
      const reader = makeAnswerReader(operation.surface)
      if (underWay++ === 0) Latch.closeUnsafe(settled)
      return beginExchange({ id, createdAt: lastMillis, apiKeyId, operation }, reader, record, onEnd)
    },
  }
}

const unmetered: Exchange = {
  observe: () => ({ onChunk: () => undefined, onEnd: () => undefined }),
  endWithoutAnswer: () => {},
}

const beginExchange = (
  admission: Admission,
  reader: AnswerReader,
  record: (log: RequestLog) => void,
  onEnd: () => void,
): Exchange => {
  const admittedAt = performance.now()
  let ttftMs: number | null = null

  const end = (outcome: Outcome, status: number | null, serviceTier: string | null): void => {
    const latencyMs = performance.now() - admittedAt
    const answer = status === null ? Option.none() : Option.some(reader.answer())
    const log = requestLog(admission, { status, outcome, answer, serviceTier, latencyMs, ttftMs })
    if (Option.isSome(log)) record(log.value)
    onEnd()
  }

  const observe = ({ status, headers }: Response): BodyObserver => {
    const serviceTier = headers.get("x-gemini-service-tier")
    // A failed answer has no counts to read.
    const decoder = status < 400 ? makeContentDecoder(headers.get("content-encoding"), reader.push) : blind
    return {
      onChunk: (chunk) => {
        ttftMs ??= performance.now() - admittedAt
        return decoder.push(chunk)
      },
      onEnd: (outcome) => {
        const decoded = decoder.end()
        if (decoded !== undefined) return decoded.then(() => end(outcome, status, serviceTier))
        end(outcome, status, serviceTier)
        return undefined
      },
    }
  }

  return {
    observe,
    endWithoutAnswer: ({ reason }) => {
      // What was never sent was not a generation.
      if (reason === "unreachable" || reason === "unsent") onEnd()
      else end(reason === "aborted" ? "client_aborted" : "upstream_failed", null, null)
    },
  }
}
