-- Prompts that were paid for and may be given again, and requests that wait for an identical one.
--
-- squawk-ignore-file require-concurrent-index-creation

create table if not exists public.prompt_cache (
  scope uuid not null,
  key text not null,
  prompt text not null,
  model text,
  strategy text,
  job_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  primary key (scope, key)
);

comment on column public.prompt_cache.scope is
  'the user whose requests find it; nil where the operator lets users share';
comment on column public.prompt_cache.key is
  'SHA-256 of pictures, their roles, models, strategy and options';

create index if not exists prompt_cache_expires_idx on public.prompt_cache (expires_at);

create table if not exists public.prompt_flights (
  scope uuid not null,
  key text not null,
  leader_job_id uuid not null,
  primary key (scope, key)
);

comment on table public.prompt_flights is
  'which job asks for all that are identical; gone as soon as that job leaves the queue';

create index if not exists prompt_flights_leader_idx on public.prompt_flights (leader_job_id);

alter table public.prompt_job_queue add column if not exists follows text;
comment on column public.prompt_job_queue.follows is
  'scope and key of the flight whose end it waits for';
create index if not exists prompt_job_queue_follows_idx
  on public.prompt_job_queue (follows) where follows is not null;

alter table public.prompt_generation_jobs add column if not exists cache text;
comment on column public.prompt_generation_jobs.cache is
  'use, the default: what was paid for an identical request will do; refresh: ask anew; off';
do $$
begin
  if not exists (
    select from pg_constraint
    where conrelid = 'public.prompt_generation_jobs'::regclass
      and conname = 'prompt_generation_jobs_cache_check'
  ) then
    alter table public.prompt_generation_jobs add constraint prompt_generation_jobs_cache_check
      check (cache in ('use', 'refresh', 'off')) not valid;
  end if;
end
$$;

alter table public.prompt_cache enable row level security;
alter table public.prompt_cache force row level security;
alter table public.prompt_flights enable row level security;
alter table public.prompt_flights force row level security;
