/** The request logs as the demo shows them. */
import type { Effect } from "effect"
import type { DatabaseError, Pool } from "./client.ts"
import { nullable, pg, type Row, run, statement } from "./statement.ts"

export const recordedCallsStatement = statement({
  parameters: {},
  row: {
    created_at: pg.timestamptz,
    endpoint: pg.text,
    model: nullable(pg.text),
    status: nullable(pg.int4),
    outcome: pg.text,
    streamed: pg.bool,
    prompt_tokens: nullable(pg.int4),
    candidate_tokens: nullable(pg.int4),
    thoughts_tokens: nullable(pg.int4),
    total_tokens: nullable(pg.int4),
    latency_ms: pg.int4,
    ttft_ms: nullable(pg.int4),
  },
  text: () => `
    select created_at, endpoint, model, status::int4, outcome, streamed, prompt_tokens, candidate_tokens,
      thoughts_tokens, total_tokens, latency_ms, ttft_ms
    from request_logs order by id`,
})

export type RecordedCall = Row<typeof recordedCallsStatement>

/** In the order of the calls. */
export const listRecordedCalls = (pool: Pool): Effect.Effect<ReadonlyArray<RecordedCall>, DatabaseError> =>
  pool.run((sql) => run(sql, recordedCallsStatement, {}))
