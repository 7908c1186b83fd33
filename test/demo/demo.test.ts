/** `demo --once`, in this process: what it prints, and that it leaves nothing behind. */
import { expect, test } from "bun:test"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { Effect, Layer, Stdio } from "effect"
import { TestConsole } from "effect/testing"
import { calls } from "../../src/demo/calls.ts"
import { runDemo } from "../../src/demo/demo.ts"

const left = async () => (await readdir(tmpdir())).filter((name) => name.startsWith("tokenmeter-demo-"))

test("demo --once shows what each generation consumed, the totals, and leaves no directory", async () => {
  const before = await left()
  const printed = await runDemo({ once: true, colour: true, onServing: () => {} }).pipe(
    Effect.andThen(TestConsole.logLines),
    Effect.provide(Layer.merge(TestConsole.layer, Stdio.layerTest({}))),
    Effect.runPromise,
  )
  const lines = printed.join("\n").split("\n")
  expect(lines[0]).toContain("stand-in answers here, not Gemini")
  const recorded = lines.filter((line) => /^\d\d:\d\d:\d\d\.\d{3} /.test(line))
  expect(recorded).toHaveLength(calls.filter((call) => call.recorded).length)
  expect(recorded[0]).toMatch(/ generateContent +gemini-2\.5-flash +200 +complete +no +5 +14 +0 +19 /)
  expect(recorded.filter((line) => line.includes(" client_aborted "))).toHaveLength(1)
  expect(recorded.filter((line) => line.includes(" upstream_failed "))).toHaveLength(1)
  expect(lines).toContainEqual(expect.stringMatching(/^gemini-2\.5-pro +2 +18 +36 +54 +108$/))
  expect(await left()).toEqual(before)
})
