/** An upstream that is silent for longer than UPSTREAM_TIMEOUT, before its answer or within. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { Duration } from "effect"
import { soon } from "../support/connection.ts"
import { chunk } from "../support/message.ts"
import { START_WITHIN } from "../support/program.ts"
import { type RawGateway, STREAM, startRawGateway } from "../support/rawGateway.ts"
import { refusalOf } from "../support/refusal.ts"

const LIMIT = Duration.millis(300)

let gateway: RawGateway
beforeAll(async () => {
  gateway = await startRawGateway({ upstreamTimeout: LIMIT })
}, START_WITHIN)
afterAll(() => gateway?.stop())

test("is a gateway timeout when it never answers, and leaves a row without a status", async () => {
  const call = await gateway.send()
  const arrival = await gateway.upstream.next()
  expect(await refusalOf(call, [gateway.key])).toBe("504 DEADLINE_EXCEEDED UPSTREAM_TIMEOUT")
  await soon("the end of the upstream's connection", arrival.connection.closed)
  expect(await gateway.rows(1)).toMatchObject([
    { status: null, outcome: "upstream_failed", total_tokens: null },
  ])
})

test("is cut off in the middle of its answer, and leaves the last counts; each chunk begins the time anew", async () => {
  const { call, arrival } = await gateway.exchange({ target: STREAM })
  await arrival.beginChunked("200 OK")
  const say = (total: number) =>
    arrival.connection.write(chunk(`data: {"usageMetadata":{"totalTokenCount":${total}}}\r\n\r\n`))
  await say(6)
  const answer = await call.answer()
  await answer.nextChunk()
  for (const total of [7, 8, 9]) {
    await Bun.sleep(Duration.toMillis(LIMIT) / 2)
    await say(total)
    expect(String(await answer.nextChunk())).toContain(String(total))
  }
  expect(await soon("the end of the client's connection", call.connection.closed)).toBe("reset")
  expect((await gateway.rows(2))[1]).toMatchObject({ outcome: "upstream_failed", total_tokens: 9 })
})
