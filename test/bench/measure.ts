/** The interleaved run: in each round every scenario meets every contender, so that what disturbs one disturbs all. */
import { type Contender, type ContenderName, type Contenders, contenderNames } from "./contenders.ts"
import type { Job, Result } from "./load.ts"
import { cpuMicros, residentBytes } from "./processStat.ts"
import { fixedRate, type Plan, type Scenario, saturation } from "./scenarios.ts"

export interface Sample extends Result {
  /** Of the contender's process, its threads included, PostgreSQL not; undefined without a process or without /proc. */
  readonly cpuMicros: number | undefined
  readonly peakBytes: number | undefined
}

/** By scenario and contender, a sample for each round. */
export type Samples = ReadonlyMap<Scenario, Readonly<Record<ContenderName, readonly Sample[]>>>

export interface Recorded {
  readonly answered: number
  readonly rows: number
}

const PEAK_INTERVAL_MILLIS = 50

/** How long the rows may stand still before the rest is taken for lost. */
const STILL_MILLIS = 2_000
const POLL_MILLIS = 100

const watchPeak = (pid: number) => {
  let peak: number | undefined
  const look = async () => {
    const bytes = await residentBytes(pid)
    if (bytes !== undefined) peak = Math.max(peak ?? 0, bytes)
  }
  const timer = setInterval(look, PEAK_INTERVAL_MILLIS)
  return () => {
    clearInterval(timer)
    return peak
  }
}

const measure = async (
  load: (job: Job) => Promise<Result>,
  { port, pid }: Contender,
  job: Omit<Job, "port">,
): Promise<Sample> => {
  if (pid === undefined)
    return { ...(await load({ ...job, port })), cpuMicros: undefined, peakBytes: undefined }
  const peakBytes = watchPeak(pid)
  const before = await cpuMicros(pid)
  const result = await load({ ...job, port })
  const after = await cpuMicros(pid)
  const isKnown = before !== undefined && after !== undefined && result.answered > 0
  return {
    ...result,
    cpuMicros: isKnown ? (after - before) / result.answered : undefined,
    peakBytes: peakBytes(),
  }
}

/** Waits for what was answered to be recorded: the writing is not to disturb the next contender. */
const settle = async ({ countRows }: Contenders, answered: number): Promise<number> => {
  let rows = await countRows()
  for (let still = 0; rows < answered && still < STILL_MILLIS; still += POLL_MILLIS) {
    await Bun.sleep(POLL_MILLIS)
    const now = await countRows()
    if (now > rows) still = 0
    rows = now
  }
  return rows
}

export const measureAll = async (
  contenders: Contenders,
  load: (job: Job) => Promise<Result>,
  plan: Plan,
  progress: (text: string) => void,
): Promise<{ readonly samples: Samples; readonly recorded: Recorded }> => {
  const scenarios = [...saturation, ...fixedRate]
  const samples = new Map(
    scenarios.map((scenario) => [
      scenario,
      { direct: [], bare: [], tokenmeter: [] } as Record<ContenderName, Sample[]>,
    ]),
  )
  let answered = 0
  let rows = 0

  const visit = async (scenario: Scenario, name: ContenderName, millis: number): Promise<Sample> => {
    const { answer, connections, rate } = scenario
    const sample = await measure(load, contenders.byName[name], {
      apiKey: contenders.apiKey,
      answer,
      connections,
      ...(rate === undefined ? {} : { rate }),
      warmMillis: plan.warmMillis,
      millis,
    })
    if (name === "tokenmeter") {
      answered += sample.answered
      rows = await settle(contenders, answered)
    }
    return sample
  }

  progress("warming up")
  for (const scenario of saturation)
    for (const name of contenderNames) await visit(scenario, name, plan.warmMillis)

  for (let round = 0; round < plan.rounds; round++) {
    // Each round begins with another contender, or the same one would always come after the same neighbour.
    const order = contenderNames.map((_, index) => contenderNames[(index + round) % contenderNames.length]!)
    for (const scenario of scenarios) {
      progress(`round ${round + 1} of ${plan.rounds}: ${scenario.title}`)
      const millis = scenario.rate === undefined ? plan.saturationMillis : plan.fixedRateMillis
      for (const name of order) samples.get(scenario)![name].push(await visit(scenario, name, millis))
    }
  }
  return { samples, recorded: { answered, rows } }
}
