-- What one user may use. The row of the nil id holds for all users without a row of their own.
create table if not exists public.prompt_user_limits (
  user_id uuid primary key,
  usd_a_day numeric check (usd_a_day >= 0),
  pictures_a_day int check (pictures_a_day >= 0),
  queued int check (queued >= 0),
  requests_a_second double precision check (requests_a_second > 0),
  by_hand boolean not null default false,
  updated_at timestamptz not null default clock_timestamp()
);
comment on table public.prompt_user_limits is
  'what one user may use; null: no limit; the nil id: all users without a row of their own';

-- Requests that a user may still make: a bucket, emptied by whole seconds' worth.
create table if not exists public.prompt_user_rates (
  user_id uuid primary key,
  tokens double precision not null,
  counted_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

alter table public.provider_calls add column if not exists estimated_usd numeric;
comment on column public.provider_calls.estimated_usd is
  'what the call was expected to cost before it left; counts against the budget of its user until its cost is known';
create index if not exists provider_calls_user_idx
  on public.provider_calls (user_id, started_at);
create index if not exists prompt_job_queue_user_delayed_idx
  on public.prompt_job_queue (user_id) where state = 'delayed';
create index if not exists picture_jobs_user_open_idx on public.picture_jobs (user_id)
  where status not in ('waiting_prompt', 'succeeded', 'failed', 'cancelled');

alter table public.prompt_user_limits enable row level security;
alter table public.prompt_user_limits force row level security;
alter table public.prompt_user_rates enable row level security;
alter table public.prompt_user_rates force row level security;
