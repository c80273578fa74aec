-- Order between users and lanes, pauses, the in-flight cap, deadlines of attempts, and retention.
--
-- Each file is one transaction, so the functions dropped here are back before anybody can miss them,
-- and the queue holds open jobs alone: its columns and indexes take no time worth a second step.
-- squawk-ignore-file adding-field-with-default, constraint-missing-not-valid, ban-drop-constraint, require-concurrent-index-deletion, ban-drop-function

alter table public.prompt_job_queue
  add column if not exists enqueued_at timestamptz not null default clock_timestamp(),
  add column if not exists attempt_until timestamptz;

comment on column public.prompt_job_queue.claim_key is
  'turn within a priority: one job a user and turn, see prompt_claim_key()';
comment on column public.prompt_job_queue.attempt_until is
  'heartbeats renew the lease up to here and no further';

-- Until now the key was the time of insertion in microseconds.
update public.prompt_job_queue set enqueued_at = to_timestamp(claim_key / 1000000.0);

alter table public.prompt_job_queue drop constraint if exists prompt_job_queue_state_check;
alter table public.prompt_job_queue add constraint prompt_job_queue_state_check
  check (state in ('ready', 'delayed', 'capped', 'leased')) not valid;
alter table public.prompt_job_queue validate constraint prompt_job_queue_state_check;

drop index if exists public.prompt_job_queue_claim_idx;
drop index if exists public.prompt_job_queue_leased_idx;
create index if not exists prompt_job_queue_lane_idx
  on public.prompt_job_queue (priority, claim_key, enqueued_at) where state = 'ready';
create index if not exists prompt_job_queue_turn_idx
  on public.prompt_job_queue (user_id, priority, claim_key) where state = 'ready';
create index if not exists prompt_job_queue_in_flight_idx
  on public.prompt_job_queue (user_id) where state = 'leased';
create index if not exists prompt_job_queue_capped_idx
  on public.prompt_job_queue (user_id, priority desc, claim_key) where state = 'capped';

alter table public.prompt_queue_settings
  add column if not exists user_in_flight_cap int,
  add column if not exists ageing_seconds double precision not null default 600;

comment on column public.prompt_queue_settings.user_in_flight_cap is
  'jobs of one user that may be processing at once; null: no limit';
comment on column public.prompt_queue_settings.ageing_seconds is
  'so many seconds of waiting count as much as one step of priority';

-- model '' is the whole queue.
create table if not exists public.prompt_queue_pauses (
  model text primary key,
  reason text,
  actor text not null,
  paused_at timestamptz not null default clock_timestamp()
);

alter table public.prompt_queue_pauses enable row level security;
alter table public.prompt_queue_pauses force row level security;

-- CREATE OR REPLACE can neither add parameters nor result columns.
drop function if exists public.claim_prompt_jobs(int, text, double precision);
drop function if exists public.get_prompt_queue_stats();
