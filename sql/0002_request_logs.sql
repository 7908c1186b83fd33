-- One row for each generation. The id is a UUIDv7 minted when the request is admitted, so it carries the time: the
-- table is partitioned by it, unique by it alone, and needs no index on time. There is no foreign key to api_keys: a
-- log must never be refused.
create table request_logs (
  id                uuid primary key,
  created_at        timestamptz not null,
  api_key_id        uuid not null,
  endpoint          text not null,
  model             text,
  model_version     text,
  status            smallint,
  outcome           text not null check (outcome in ('complete', 'client_aborted', 'upstream_failed', 'unknown')),
  streamed          boolean not null,
  prompt_tokens     integer,
  candidate_tokens  integer,
  total_tokens      integer,
  cached_tokens     integer,
  thoughts_tokens   integer,
  tool_use_tokens   integer,
  usage_details     jsonb,
  usage_final       boolean not null,
  usage_consistent  boolean,
  latency_ms        integer not null,
  ttft_ms           integer,
  response_id       text,
  finish_reason     text,
  service_tier      text
) partition by range (id);

-- Where a row goes for whose day no partition was made. It should stay empty: making a day's partition fails while
-- rows of that day are in here.
create table request_logs_default partition of request_logs default;

-- The smallest UUIDv7 of a moment.
create function uuid_v7_floor(moment timestamptz) returns uuid
  language sql immutable strict parallel safe
  return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Makes the daily partitions (UTC) from `first_day` on. Those that are there stay; returns how many were made.
-- A day with rows in the default partition is passed over, so that one bad clock cannot stop the days after it.
create function make_request_log_partitions(first_day date, days integer) returns integer
  language plpgsql as $$
declare
  made integer := 0;
  day  date;
  name text;
begin
  -- One instance at a time: two that make the same table clash.
  perform pg_advisory_xact_lock(hashtextextended('make_request_log_partitions', 0));
  for step in 0 .. days - 1 loop
    day := first_day + step;
    name := 'request_logs_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass(name) is not null;
    begin
      execute format(
        'create table %I partition of request_logs for values from (%L) to (%L)',
        name,
        uuid_v7_floor(day::timestamp at time zone 'UTC'),
        uuid_v7_floor((day + 1)::timestamp at time zone 'UTC'));
      made := made + 1;
    exception when check_violation then
      raise warning 'request_logs_default holds rows of %, no partition made for it', day;
    end;
  end loop;
  return made;
end $$;
