/** What the benchmark measures, and what it takes to count as good. */
import type { AnswerName } from "./answers.ts"

export interface Scenario {
  readonly title: string
  readonly answer: AnswerName
  readonly connections: number
  /** Requests a second; none: as many as go through. */
  readonly rate?: number
  /** Least throughput, as a share of the bare pass-through's. */
  readonly leastShare?: number
  /** Most milliseconds added to the median until the last byte, against no proxy at all. */
  readonly mostAddedMillis?: number
}

const CONNECTIONS = 64

/** Well below what the slowest contender carries, so that latency is not made of queueing. */
const UNARY_RATE = 500
const STREAM_RATE = 50

/** The scenario during which memory has to stay flat. */
export const memoryScenario: Scenario = { title: "unary 1 MB", answer: "1MB", connections: CONNECTIONS }

export const saturation: readonly Scenario[] = [
  { title: "unary 1 KB", answer: "1KB", connections: CONNECTIONS, leastShare: 0.6 },
  { title: "unary 30 KB", answer: "30KB", connections: CONNECTIONS, leastShare: 0.8 },
  memoryScenario,
]

export const fixedRate: readonly Scenario[] = [
  {
    title: `unary 1 KB, ${UNARY_RATE}/s`,
    answer: "1KB",
    connections: CONNECTIONS,
    rate: UNARY_RATE,
    mostAddedMillis: 0.3,
  },
  {
    title: `SSE, 20 chunks, ${STREAM_RATE}/s`,
    answer: "sse",
    connections: CONNECTIONS,
    rate: STREAM_RATE,
    mostAddedMillis: 0.3,
  },
]

/** Most growth of the peak from the first round to the last that counts as flat: what the allocator breathes. */
export const flatWithin = 0.2

export interface Plan {
  readonly rounds: number
  readonly warmMillis: number
  readonly saturationMillis: number
  readonly fixedRateMillis: number
}

/** Under four minutes. */
export const fullPlan: Plan = { rounds: 5, warmMillis: 300, saturationMillis: 2_000, fixedRateMillis: 2_500 }

/** Under forty seconds: enough to see that it works, not to judge by. */
export const quickPlan: Plan = { rounds: 2, warmMillis: 200, saturationMillis: 500, fixedRateMillis: 600 }
