/**
 * The load generator, a process of its own that takes one job after the other: either as fast as the connections carry
 * it, or at a fixed rate whatever becomes of the answers (an open loop: latency counts from the moment a request was due).
 */
import { type AnswerName, pathOf } from "./answers.ts"
import { type Answered, connect } from "./connection.ts"

export interface Job {
  readonly port: number
  readonly apiKey: string
  readonly answer: AnswerName
  readonly connections: number
  /** Requests a second; none: as many as go through. */
  readonly rate?: number
  readonly warmMillis: number
  readonly millis: number
}

export interface Quantiles {
  readonly p50: number
  readonly p99: number
}

export interface Result {
  /** In the measured time. */
  readonly perSecond: number
  /** From due to the first and to the last byte of the body, in milliseconds; at a fixed rate only. */
  readonly firstByte: Quantiles
  readonly lastByte: Quantiles
  /** In all, warm-up and tail included. */
  readonly answered: number
  readonly failed: number
}

/** How long the last answers may take once no more requests are sent. */
const TAIL_MILLIS = 5_000

const requestBody = JSON.stringify({
  contents: [
    { role: "user", parts: [{ text: "In three sentences: why does a proxy that counts not have to wait?" }] },
  ],
  generationConfig: { temperature: 0.7, topP: 0.95, maxOutputTokens: 1024, candidateCount: 1 },
  safetySettings: [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_ONLY_HIGH" }],
})

const request = ({ port, apiKey, answer }: Job): Buffer =>
  Buffer.from(
    [
      `POST ${pathOf(answer)} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Content-Type: application/json",
      `x-goog-api-key: ${apiKey}`,
      "x-goog-api-client: google-genai-sdk/1.40.0 gl-node/v22.0.0",
      "User-Agent: google-genai-sdk/1.40.0 gl-node/v22.0.0",
      "Accept: */*",
      `Content-Length: ${requestBody.length}`,
      "",
      requestBody,
    ].join("\r\n"),
  )

const quantiles = (values: number[]): Quantiles => {
  values.sort((a, b) => a - b)
  const at = (share: number) => values[Math.floor(values.length * share)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

const run = async (job: Job): Promise<Result> => {
  const bytes = request(job)
  const idle = await Promise.all(Array.from({ length: job.connections }, () => connect(job.port)))
  const all = [...idle]
  const interval = job.rate === undefined ? 0 : 1_000 / job.rate
  const start = performance.now()
  const measureFrom = start + job.warmMillis
  const end = measureFrom + job.millis
  const firstByte: number[] = []
  const lastByte: number[] = []
  let sent = 0
  let answered = 0
  let failed = 0
  let measured = 0
  const finished = Promise.withResolvers<void>()

  const due = (index: number) => start + index * interval

  /** Sends what is due, on the connections that are free; what finds none waits, and its latency grows meanwhile. */
  const pump = () => {
    const now = performance.now()
    while (due(sent) <= now && due(sent) < end && now < end && idle.length > 0) {
      const connection = idle.pop()!
      const dueAt = due(sent)
      sent += 1
      connection.send(bytes, (answer) => {
        settle(answer, dueAt)
        if (answer.isOk) idle.push(connection)
        pump()
      })
    }
    if (now >= end && answered + failed === sent) finished.resolve()
  }

  const settle = ({ isOk, firstByteAt, endedAt }: Answered, dueAt: number) => {
    if (!isOk) {
      failed += 1
      return
    }
    answered += 1
    if (endedAt >= measureFrom && endedAt < end) measured += 1
    if (interval === 0 || dueAt < measureFrom) return
    firstByte.push(firstByteAt - dueAt)
    lastByte.push(endedAt - dueAt)
  }

  const tick = () => {
    pump()
    const now = performance.now()
    if (now < end) setTimeout(tick, interval === 0 ? end - now : Math.max(0, due(sent) - now))
  }
  tick()
  await Promise.race([finished.promise, Bun.sleep(job.warmMillis + job.millis + TAIL_MILLIS)])
  for (const connection of all) connection.close()
  return {
    perSecond: measured / (job.millis / 1_000),
    firstByte: quantiles(firstByte),
    lastByte: quantiles(lastByte),
    answered,
    failed: sent - answered,
  }
}

process.on("message", async (job: Job) => process.send?.(await run(job)))
