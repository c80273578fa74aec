-- The record of every prompt job (the mission's table, our columns beside it), the narrow queue
-- that workers claim from, the events, the ledger of paid calls, and what the service keeps for
-- itself.

create table if not exists public.prompt_generation_jobs (
  id uuid primary key default uuid_generate_v4(),
  row_id uuid not null references public.model_rows (id) on delete cascade,
  model_id uuid not null references public.models (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  ref_urls text[],
  target_url text not null,
  status text not null default 'queued',
  generated_prompt text,
  error text,
  retry_count int not null default 0,
  max_retries int not null default 3,
  priority int not null default 5,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  started_at timestamptz,
  completed_at timestamptz
) with (fillfactor = 50);

alter table public.prompt_generation_jobs
  add column if not exists error_code text,
  add column if not exists source text,
  add column if not exists model text,
  add column if not exists retried_at timestamptz;

do $$
declare
  v_name text;
  v_check text;
begin
  for v_name, v_check in
    values
      ('prompt_generation_jobs_status_check',
       $q$status in ('queued', 'processing', 'completed', 'failed', 'cancelled')$q$),
      ('prompt_generation_jobs_priority_check', 'priority between 1 and 10'),
      ('prompt_generation_jobs_retry_count_check',
       'retry_count >= 0 and retry_count <= max_retries'),
      ('prompt_generation_jobs_target_url_check', $q$target_url <> ''$q$),
      ('prompt_generation_jobs_source_check',
       $q$source in ('model', 'cache', 'template', 'existing', 'manual')$q$),
      ('prompt_generation_jobs_completed_check',
       $q$status <> 'completed' or generated_prompt is not null$q$)
  loop
    if not exists (
      select from pg_constraint
      where conrelid = 'public.prompt_generation_jobs'::regclass and conname = v_name
    ) then
      execute format(
        'alter table public.prompt_generation_jobs add constraint %I check (%s) not valid',
        v_name, v_check
      );
      begin
        execute format(
          'alter table public.prompt_generation_jobs validate constraint %I', v_name
        );
      exception when check_violation then
        raise notice 'rows from before this migration break %; new rows are checked', v_name;
      end;
    end if;
  end loop;
end
$$;

comment on column public.prompt_generation_jobs.priority is
  '1 to 10; 10 is the most urgent, 1 the least';
comment on column public.prompt_generation_jobs.error is
  'a sentence that a person understands; error_code is its class';
comment on column public.prompt_generation_jobs.model is
  'the model that answered, as it named itself; stand-in:... was made by the local stand-in';

create index if not exists prompt_generation_jobs_user_idx
  on public.prompt_generation_jobs (user_id, created_at desc, id desc);
create index if not exists prompt_generation_jobs_row_idx
  on public.prompt_generation_jobs (row_id);
create index if not exists prompt_generation_jobs_model_idx
  on public.prompt_generation_jobs (model_id);
create index if not exists prompt_generation_jobs_completed_idx
  on public.prompt_generation_jobs (completed_at desc) where status = 'completed';
create index if not exists prompt_generation_jobs_failed_idx
  on public.prompt_generation_jobs (updated_at desc) where status = 'failed';
create index if not exists prompt_generation_jobs_cancelled_idx
  on public.prompt_generation_jobs (updated_at desc) where status = 'cancelled';

alter table public.jobs
  add column if not exists prompt_job_id uuid references public.prompt_generation_jobs (id),
  add column if not exists prompt_status text default 'pending';

create index if not exists jobs_prompt_job_id_idx
  on public.jobs (prompt_job_id) where prompt_job_id is not null;

-- A row lives here from enqueue to settle. lease_until is in no index, so heartbeats stay HOT.
create table if not exists public.prompt_job_queue (
  job_id uuid primary key,
  user_id uuid not null,
  priority smallint not null,
  claim_key bigint not null,
  state text not null default 'ready' check (state in ('ready', 'delayed', 'leased')),
  lease_token uuid,
  lease_until timestamptz,
  worker text,
  lease_losses smallint not null default 0,
  next_attempt_at timestamptz,
  check ((state = 'leased') = (lease_token is not null and lease_until is not null)),
  check (state <> 'delayed' or next_attempt_at is not null)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 500,
  autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0
);

create index if not exists prompt_job_queue_claim_idx
  on public.prompt_job_queue (priority desc, claim_key, job_id) where state = 'ready';
create index if not exists prompt_job_queue_delayed_idx
  on public.prompt_job_queue (next_attempt_at) where state = 'delayed';
create index if not exists prompt_job_queue_leased_idx
  on public.prompt_job_queue (job_id) where state = 'leased';

-- Append-only. No foreign key: deleting a job does not delete what happened to it.
-- transaction_id lets readers stop short of numbers whose transaction is still open.
create table if not exists public.prompt_job_events (
  id bigint generated always as identity primary key,
  job_id uuid not null,
  user_id uuid not null,
  kind text not null,
  data jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  transaction_id xid8 not null default pg_current_xact_id()
);

create index if not exists prompt_job_events_job_idx on public.prompt_job_events (job_id, id);
create index if not exists prompt_job_events_unfenced_idx
  on public.prompt_job_events (id) where kind = 'unfenced_write';

-- The cost book: a committed row before the first byte leaves, the outcome after. No foreign key.
create table if not exists public.provider_calls (
  call_id uuid primary key,
  job_id uuid not null,
  user_id uuid not null,
  lease_token uuid,
  worker text,
  provider text not null default 'xai',
  leg text not null default 'prompt',
  model text not null,
  state text not null default 'sent' check (state in ('sent', 'answered', 'unanswered')),
  http_status int,
  error_code text,
  served_model text,
  prompt_tokens int,
  completion_tokens int,
  reasoning_tokens int,
  image_tokens int,
  cached_tokens int,
  cost_usd numeric(16, 10),
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
) with (fillfactor = 70);

create index if not exists provider_calls_job_idx on public.provider_calls (job_id, started_at);
create index if not exists provider_calls_started_idx on public.provider_calls (started_at desc);

create table if not exists public.prompt_idempotency_keys (
  user_id uuid not null,
  key text not null,
  fingerprint bytea not null,
  job_id uuid not null,
  response jsonb,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null default clock_timestamp() + interval '24 hours',
  primary key (user_id, key)
);

create index if not exists prompt_idempotency_keys_expiry_idx
  on public.prompt_idempotency_keys (expires_at);

create table if not exists public.prompt_queue_workers (
  worker text primary key,
  host text not null,
  pid int not null,
  concurrency int not null,
  busy int not null default 0,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- Leases of things of which there may be only one at a time, such as the cron pass.
create table if not exists public.prompt_queue_singletons (
  name text primary key,
  token uuid not null,
  lease_until timestamptz not null
);

create table if not exists public.prompt_queue_settings (
  only_row boolean primary key default true check (only_row),
  row_owner_column text
);

insert into public.prompt_queue_settings default values on conflict do nothing;
