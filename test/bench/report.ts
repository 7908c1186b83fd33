/** The outcome of a run as text: medians over the rounds with min–max, ratios of one round each, the aims beside them. */
import { type Column, formatTable, plain } from "../../src/table.ts"
import type { ContenderName } from "./contenders.ts"
import type { Quantiles } from "./load.ts"
import type { Recorded, Sample, Samples } from "./measure.ts"
import { fixedRate, flatWithin, memoryScenario, type Scenario, saturation } from "./scenarios.ts"

interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

const spread = (values: readonly number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const at = (index: number) => sorted[index] ?? Number.NaN
  return {
    median: sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  }
}

type Format = (value: number) => string

const whole: Format = (value) => Math.round(value).toLocaleString("en-US")
const ratio: Format = (value) => value.toFixed(2)
const millis: Format = (value) => value.toFixed(2)
const added: Format = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`
const megabytes: Format = (bytes) => `${Math.round(bytes / 1024 / 1024)} MB`

const show = ({ median, min, max }: Spread, format: Format): string =>
  `${format(median)} (${format(min)}–${format(max)})`

const verdict = (aim: string, isMet: boolean): string => `${aim} ${isMet ? "met" : "MISSED"}`

type Cells = readonly string[]

const table = (titles: Cells, rows: readonly Cells[]): string => {
  const columns = titles.map(
    (title, index): Column<Cells> => ({
      title,
      align: index === 0 ? "left" : "right",
      cell: (row) => row[index] ?? "",
    }),
  )
  return formatTable(columns, rows, plain)
}

export const failures = (samples: Samples): number =>
  [...samples.values()]
    .flatMap((byName) => Object.values(byName).flat())
    .reduce((sum, { failed }) => sum + failed, 0)

export const formatReport = (samples: Samples, recorded: Recorded): string => {
  const of = (scenario: Scenario, name: ContenderName): readonly Sample[] =>
    samples.get(scenario)?.[name] ?? []

  /** A value of each round, of one contender or of two. */
  const values = (scenario: Scenario, name: ContenderName, value: (sample: Sample) => number): Spread =>
    spread(of(scenario, name).map(value))
  const pairs = (
    scenario: Scenario,
    [name, against]: readonly [ContenderName, ContenderName],
    value: (sample: Sample, other: Sample) => number,
  ): Spread =>
    spread(of(scenario, name).map((sample, round) => value(sample, of(scenario, against)[round] ?? sample)))

  const cpu = (scenario: Scenario, name: ContenderName): string =>
    of(scenario, name).some(({ cpuMicros }) => cpuMicros === undefined)
      ? "n/a"
      : show(
          values(scenario, name, ({ cpuMicros }) => cpuMicros ?? Number.NaN),
          whole,
        )

  const throughput = (scenario: Scenario): Cells => {
    const perSecond = (name: ContenderName) =>
      whole(values(scenario, name, (sample) => sample.perSecond).median)
    const share = (pair: readonly [ContenderName, ContenderName]) =>
      pairs(scenario, pair, (sample, other) => sample.perSecond / other.perSecond)
    const against = share(["tokenmeter", "bare"])
    const least = scenario.leastShare
    return [
      scenario.title,
      perSecond("direct"),
      perSecond("bare"),
      perSecond("tokenmeter"),
      show(share(["bare", "direct"]), ratio),
      show(against, ratio),
      least === undefined ? "" : verdict(`≥ ${least}`, against.median >= least),
      cpu(scenario, "bare"),
      cpu(scenario, "tokenmeter"),
    ]
  }

  const latency = (scenario: Scenario): readonly Cells[] => {
    const row = (what: string, value: (sample: Sample) => number, most?: number): Cells => {
      const plus = (name: ContenderName) =>
        pairs(scenario, [name, "direct"], (sample, other) => value(sample) - value(other))
      const ours = plus("tokenmeter")
      return [
        `${scenario.title}: ${what}`,
        show(values(scenario, "direct", value), millis),
        show(plus("bare"), added),
        show(ours, added),
        most === undefined ? "" : verdict(`≤ ${most}`, ours.median <= most),
      ]
    }
    const both = (what: string, of: (sample: Sample) => Quantiles, most?: number) => [
      row(`${what}, p50`, (sample) => of(sample).p50, most),
      row(`${what}, p99`, (sample) => of(sample).p99),
    ]
    return [
      ...both("first byte", ({ firstByte }) => firstByte),
      ...both("last byte", ({ lastByte }) => lastByte, scenario.mostAddedMillis),
    ]
  }

  const memory = (): string => {
    const peaks = (name: ContenderName): readonly number[] =>
      of(memoryScenario, name).flatMap(({ peakBytes }) => peakBytes ?? [])
    const ours = peaks("tokenmeter")
    const [first, last] = [ours.at(0), ours.at(-1)]
    if (first === undefined || last === undefined) return "n/a"
    const aim = verdict(`≤ +${flatWithin * 100} %`, last <= first * (1 + flatWithin))
    const bare = show(spread(peaks("bare")), megabytes)
    return `${megabytes(first)} in the first round, ${megabytes(last)} in the last, ${aim}; bare ${bare}`
  }

  return [
    "Requests a second, as many as 64 connections carry; CPU of the contender's process a request, in µs",
    table(
      [
        "",
        "direct",
        "bare",
        "tokenmeter",
        "bare/direct",
        "tokenmeter/bare",
        "aim",
        "CPU bare",
        "CPU tokenmeter",
      ],
      saturation.map(throughput),
    ),
    "",
    "Milliseconds from the moment a request was due, at a fixed rate (open loop): direct, and what each adds to it",
    table(["", "direct", "bare adds", "tokenmeter adds", "aim"], fixedRate.flatMap(latency)),
    "",
    `Peak memory of tokenmeter while 1 MB bodies stream: ${memory()}`,
    `Failed requests: ${whole(failures(samples))}`,
    `Recorded: ${whole(recorded.rows)} rows for ${whole(recorded.answered)} answers${recorded.rows === recorded.answered ? "" : " – NOT EQUAL"}`,
  ].join("\n")
}
