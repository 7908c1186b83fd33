/** Request logs in PostgreSQL: one statement inserts a batch of any size, and leaves a row alone that is there already. */
import { Effect } from "effect"
import type { RequestLog } from "../core/requestLog.ts"
import type { DatabaseError, Pool } from "./client.ts"
import { pg, run, statement } from "./statement.ts"

/** The columns, in the order of the parameters: one array each. */
const COLUMNS = {
  id: pg.uuids,
  created_at: pg.timestamptzs,
  api_key_id: pg.uuids,
  endpoint: pg.texts,
  model: pg.texts,
  model_version: pg.texts,
  status: pg.int2s,
  outcome: pg.texts,
  streamed: pg.bools,
  prompt_tokens: pg.int4s,
  candidate_tokens: pg.int4s,
  total_tokens: pg.int4s,
  cached_tokens: pg.int4s,
  thoughts_tokens: pg.int4s,
  tool_use_tokens: pg.int4s,
  usage_details: pg.texts,
  usage_final: pg.bools,
  usage_consistent: pg.bools,
  latency_ms: pg.int4s,
  ttft_ms: pg.int4s,
  response_id: pg.texts,
  finish_reason: pg.texts,
  service_tier: pg.texts,
} as const

export const insertRequestLogsStatement = statement({
  parameters: COLUMNS,
  row: { inserted: pg.int4 },
  text: (array) => {
    const names = Object.keys(COLUMNS).join(", ")
    return `
      with inserted as (
        insert into request_logs (${names})
        select ${names.replace("usage_details", "usage_details::jsonb")}
        from unnest(
          ${array.id}::uuid[], ${array.created_at}::timestamptz[], ${array.api_key_id}::uuid[], ${array.endpoint}::text[],
          ${array.model}::text[], ${array.model_version}::text[], ${array.status}::int2[], ${array.outcome}::text[],
          ${array.streamed}::bool[], ${array.prompt_tokens}::int4[], ${array.candidate_tokens}::int4[],
          ${array.total_tokens}::int4[], ${array.cached_tokens}::int4[], ${array.thoughts_tokens}::int4[],
          ${array.tool_use_tokens}::int4[], ${array.usage_details}::text[], ${array.usage_final}::bool[],
          ${array.usage_consistent}::bool[], ${array.latency_ms}::int4[], ${array.ttft_ms}::int4[],
          ${array.response_id}::text[], ${array.finish_reason}::text[], ${array.service_tier}::text[]
        ) as batch (${names})
        -- In key order, or two writers with overlapping batches deadlock.
        order by id
        on conflict (id) do nothing
        returning 1
      )
      select count(*)::int4 as inserted from inserted`
  },
})

/** Returns how many rows were new. */
export const insertRequestLogs = (
  pool: Pool,
  logs: ReadonlyArray<RequestLog>,
): Effect.Effect<number, DatabaseError> =>
  pool
    .run((sql) => run(sql, insertRequestLogsStatement, columnsOf(logs)))
    .pipe(Effect.map(([row]) => row?.inserted ?? 0))

const columnsOf = (logs: ReadonlyArray<RequestLog>) => ({
  id: logs.map((log) => log.id),
  created_at: logs.map((log) => new Date(log.createdAt).toISOString()),
  api_key_id: logs.map((log) => log.apiKeyId),
  endpoint: logs.map((log) => log.endpoint),
  model: logs.map((log) => log.model),
  model_version: logs.map((log) => log.modelVersion),
  status: logs.map((log) => log.status),
  outcome: logs.map((log) => log.outcome),
  streamed: logs.map((log) => log.streamed),
  prompt_tokens: logs.map((log) => log.promptTokens),
  candidate_tokens: logs.map((log) => log.candidateTokens),
  total_tokens: logs.map((log) => log.totalTokens),
  cached_tokens: logs.map((log) => log.cachedTokens),
  thoughts_tokens: logs.map((log) => log.thoughtsTokens),
  tool_use_tokens: logs.map((log) => log.toolUseTokens),
  usage_details: logs.map((log) => (log.usageDetails === null ? null : JSON.stringify(log.usageDetails))),
  usage_final: logs.map((log) => log.usageFinal),
  usage_consistent: logs.map((log) => log.usageConsistent),
  latency_ms: logs.map((log) => log.latencyMs),
  ttft_ms: logs.map((log) => log.ttftMs),
  response_id: logs.map((log) => log.responseId),
  finish_reason: logs.map((log) => log.finishReason),
  service_tier: logs.map((log) => log.serviceTier),
})
