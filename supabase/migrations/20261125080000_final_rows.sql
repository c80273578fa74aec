-- A job's row changes twice on its way, when it is claimed and when it ends. With no index on what
-- changes then, both are HOT updates: the row is written again beside itself, and no index is.
-- What those indexes answered is counted as it happens, in prompt_queue_tally.
--
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion, ban-drop-function

-- One line of sums an act; older ones are put together by compact_prompt_queue_tally().
create table if not exists public.prompt_queue_tally (
  at timestamptz not null,
  status text not null,
  jobs bigint not null,
  measured bigint not null default 0,
  wait_seconds double precision not null default 0,
  processing_seconds double precision not null default 0
);

comment on column public.prompt_queue_tally.jobs is
  'how many jobs got this final status; below zero where some lost it or were deleted';
comment on column public.prompt_queue_tally.measured is
  'of how many jobs the seconds are the sum';

alter table public.prompt_queue_tally enable row level security;
alter table public.prompt_queue_tally force row level security;

create index if not exists prompt_generation_jobs_created_idx
  on public.prompt_generation_jobs (created_at);
drop index if exists public.prompt_generation_jobs_completed_idx;
drop index if exists public.prompt_generation_jobs_cancelled_idx;
drop index if exists public.prompt_generation_jobs_failed_idx;
create index if not exists prompt_generation_jobs_error_idx
  on public.prompt_generation_jobs (created_at) where error_code is not null;
-- Room for the next versions, also where all jobs of a page are claimed at once.
alter table public.prompt_generation_jobs set (fillfactor = 45);

-- After the row, not before it: a trigger before an update locks each row once more.
drop trigger if exists guard_final_prompt_job on public.prompt_generation_jobs;
create trigger guard_final_prompt_job
  after update on public.prompt_generation_jobs
  for each row
  when (old.status in ('completed', 'failed', 'cancelled'))
  execute function public.guard_final_prompt_job();

drop trigger if exists adopt_plain_status_update on public.prompt_generation_jobs;
create trigger adopt_plain_status_update
  after update on public.prompt_generation_jobs
  for each row
  when (
    old.status in ('queued', 'processing') and old.status is distinct from new.status
    and coalesce(current_setting('prompt_queue.act', true), '') = ''
    and current_setting('application_name') not like 'prompt\_queue.%'
  )
  execute function public.adopt_plain_status_update();

-- CREATE OR REPLACE cannot add a parameter.
drop function if exists public.take_prompt_singleton(text, double precision);
