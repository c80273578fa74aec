-- From prompt to picture: what is ours of a row of jobs.
--
-- squawk-ignore-file require-concurrent-index-creation

create table if not exists public.picture_jobs (
  id uuid primary key,
  job_id uuid not null,
  number smallint not null default 1,
  user_id uuid not null,
  row_id uuid,
  prompt_job_id uuid,
  status text not null check (status in (
    'waiting_prompt', 'queued', 'submitting', 'submission_unknown', 'submitted', 'running',
    'saving', 'succeeded', 'failed', 'cancelled'
  )),
  prompt text,
  target_url text not null,
  ref_urls text[] not null default '{}',
  generation_model text not null,
  width int,
  height int,
  priority smallint not null default 5,
  webhook_url text,
  metadata jsonb,
  prediction_id text,
  provider_outputs text[],
  outputs jsonb,
  nsfw boolean,
  error text,
  error_code text,
  failed_with_prompt boolean not null default false,
  retry_count int not null default 0,
  max_retries int not null default 3,
  resubmits int not null default 0,
  lease_token uuid,
  lease_until timestamptz,
  attempt_until timestamptz,
  lease_losses int not null default 0,
  worker text,
  due_at timestamptz,
  hinted_at timestamptz,
  submitted_at timestamptz,
  retried_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  completed_at timestamptz,
  unique (job_id, number)
) with (fillfactor = 70);

comment on table public.picture_jobs is
  'one picture of a row of jobs, bought at most once; no foreign key, so that jobs stays as it is';
comment on column public.picture_jobs.due_at is
  'when a worker has to look at it; null while one does, while it waits for its prompt, and at the end';
comment on column public.picture_jobs.prediction_id is 'the provider''s name for what was bought';
comment on column public.picture_jobs.resubmits is
  'how often it was sent again although the end of a submit is unknown';
comment on column public.picture_jobs.hinted_at is 'when a webhook last said that there is news';

-- What is with the provider, to be looked at; what is to be bought, by urgency and by time.
create index if not exists picture_jobs_due_idx on public.picture_jobs (due_at)
  where due_at is not null and status <> 'queued';
create index if not exists picture_jobs_queued_due_idx on public.picture_jobs (due_at)
  where status = 'queued';
create index if not exists picture_jobs_queued_idx
  on public.picture_jobs (priority desc, created_at) where status = 'queued';
create index if not exists picture_jobs_there_idx on public.picture_jobs (status)
  where status in ('submitting', 'submission_unknown', 'submitted', 'running');
create index if not exists picture_jobs_succeeded_idx on public.picture_jobs (completed_at)
  where status = 'succeeded';
create index if not exists picture_jobs_waiting_idx on public.picture_jobs (prompt_job_id)
  where prompt_job_id is not null;
create index if not exists picture_jobs_user_idx on public.picture_jobs (user_id, created_at desc);
create index if not exists picture_jobs_leased_idx on public.picture_jobs (lease_until)
  where lease_until is not null;
create unique index if not exists picture_jobs_prediction_idx
  on public.picture_jobs (prediction_id) where prediction_id is not null;

-- Webhooks that were taken; their ids are refused for as long as their signature would be good.
create table if not exists public.picture_webhooks (
  webhook_id text primary key,
  received_at timestamptz not null default clock_timestamp()
);

alter table public.prompt_queue_settings
  add column if not exists job_words jsonb not null default '{}',
  add column if not exists row_words jsonb not null default '{}',
  add column if not exists pictures_at_once int;
comment on column public.prompt_queue_settings.job_words is
  'jobs.status for each status of picture_jobs that is called otherwise there';
comment on column public.prompt_queue_settings.row_words is
  'model_rows.status for each status of picture_jobs; null leaves the column alone';
comment on column public.prompt_queue_settings.pictures_at_once is
  'pictures that may be with the provider at once; null: as many as there are';

alter table public.picture_jobs enable row level security;
alter table public.picture_jobs force row level security;
alter table public.picture_webhooks enable row level security;
alter table public.picture_webhooks force row level security;
