import { afterAll, beforeAll, expect, test } from "bun:test"
import { Duration, Effect, Exit, Scope } from "effect"
import type { Sql } from "postgres"
import type { RequestLog } from "../../src/core/requestLog.ts"
import { makePool, type Pool } from "../../src/db/client.ts"
import { insertRequestLogs } from "../../src/db/requestLogs.ts"
import { connectTo, createDatabase } from "../support/postgres.ts"
import { makeRequestLog } from "../support/requestLog.ts"

const scope = Scope.makeUnsafe()
let sql: Sql
let pool: Pool
beforeAll(async () => {
  const target = await createDatabase()
  sql = connectTo(target)
  pool = await Effect.runPromise(
    makePool(target, { purpose: "test", connections: 4, deadline: Duration.seconds(10) }).pipe(
      Scope.provide(scope),
    ),
  )
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await sql.end()
})

const insert = (logs: ReadonlyArray<RequestLog>) => Effect.runPromise(insertRequestLogs(pool, logs))

test("insertRequestLogs() writes every column as it is in the request log", async () => {
  const log = makeRequestLog({
    model: 'quo"te, {brace} \\ back',
    usageDetails: { promptTokensDetails: [{ modality: "TEXT", tokenCount: 7 }] },
  })
  expect(await insert([log])).toBe(1)
  const [row] = await sql`select * from request_logs where id = ${log.id}`
  expect(row).toEqual({
    id: log.id,
    created_at: new Date(log.createdAt),
    api_key_id: log.apiKeyId,
    endpoint: log.endpoint,
    model: log.model,
    model_version: log.modelVersion,
    status: log.status,
    outcome: log.outcome,
    streamed: log.streamed,
    prompt_tokens: log.promptTokens,
    candidate_tokens: log.candidateTokens,
    total_tokens: log.totalTokens,
    cached_tokens: log.cachedTokens,
    thoughts_tokens: log.thoughtsTokens,
    tool_use_tokens: log.toolUseTokens,
    usage_details: log.usageDetails,
    usage_final: log.usageFinal,
    usage_consistent: log.usageConsistent,
    latency_ms: log.latencyMs,
    ttft_ms: log.ttftMs,
    response_id: log.responseId,
    finish_reason: log.finishReason,
    service_tier: log.serviceTier,
  })
})

test("insertRequestLogs() leaves a row alone that is there already", async () => {
  const log = makeRequestLog({ totalTokens: 1 })
  expect(await insert([log, makeRequestLog()])).toBe(2)
  expect(await insert([{ ...log, totalTokens: 2 }, makeRequestLog(), makeRequestLog()])).toBe(2)
  expect(await sql`select total_tokens from request_logs where id = ${log.id}`).toEqual([
    { total_tokens: 1 },
  ] as never)
})

test("insertRequestLogs() writes a batch of thousands in one statement", async () => {
  const logs = Array.from({ length: 5_000 }, () => makeRequestLog())
  expect(await insert(logs)).toBe(5_000)
})

test("insertRequestLogs() does not deadlock when overlapping batches come in different orders", async () => {
  for (let round = 0; round < 10; round++) {
    const logs = Array.from({ length: 200 }, () => makeRequestLog())
    const inserted = await Promise.all([
      insert(logs),
      insert(logs.toReversed()),
      insert(logs),
      insert(logs.toReversed()),
    ])
    expect(inserted.reduce((sum, count) => sum + count)).toBe(200)
  }
})
