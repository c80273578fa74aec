-- What was promised about each job, and what came of it.
--
-- squawk-ignore-file require-concurrent-index-creation

create table if not exists public.prompt_promises (
  job_id uuid not null,
  made_at timestamptz not null default clock_timestamp(),
  leg text not null default 'prompt' check (leg in ('prompt', 'picture')),
  priority smallint not null,
  start_base float8 not null,
  start_spread float8 not null check (start_spread > 0),
  start_p50 float8 not null,
  start_p90 float8 not null,
  done_base float8 not null,
  done_spread float8 not null check (done_spread > 0),
  done_p50 float8 not null,
  done_p90 float8 not null,
  start_due_at timestamptz,
  done_due_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  start_error float8,
  done_error float8,
  start_kept boolean,
  done_kept boolean,
  start_scored_at timestamptz,
  done_scored_at timestamptz,
  primary key (job_id, made_at)
) with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0
);

comment on table public.prompt_promises is
  'seconds, counted from made_at; base and spread are what was expected before it was corrected';
comment on column public.prompt_promises.start_due_at is
  'when the p90 is over; null once that half of the promise is kept, broken or void';
comment on column public.prompt_promises.start_error is
  '(what happened - base) / spread; at least so much where it had not happened when it was due';

create index if not exists prompt_promises_start_due_idx
  on public.prompt_promises (start_due_at) where start_due_at is not null;
create index if not exists prompt_promises_done_due_idx
  on public.prompt_promises (done_due_at) where done_due_at is not null;
create index if not exists prompt_promises_start_scored_idx
  on public.prompt_promises (leg, start_scored_at desc) where start_scored_at is not null;
create index if not exists prompt_promises_done_scored_idx
  on public.prompt_promises (leg, done_scored_at desc) where done_scored_at is not null;
create index if not exists prompt_promises_made_idx on public.prompt_promises (made_at);

alter table public.prompt_queue_settings
  add column if not exists promises_scored_event bigint;
comment on column public.prompt_queue_settings.promises_scored_event is
  'promises about jobs that ended with an event up to this number have been scored';

alter table public.prompt_promises enable row level security;
alter table public.prompt_promises force row level security;
