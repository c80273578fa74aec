-- What users think of prompts and pictures.
create table if not exists public.prompt_feedback (
  job_id uuid not null,
  number smallint not null default 0,
  user_id uuid not null,
  verdict text not null check (verdict in ('up', 'down')),
  reason text check (reason ~ '^[a-z_]{1,40}$'),
  words text check (length(words) between 1 and 500),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  primary key (job_id, number, user_id)
) with (fillfactor = 90);
comment on table public.prompt_feedback is
  'one verdict of a user on a prompt or a picture; it may be changed and withdrawn';
comment on column public.prompt_feedback.job_id is
  'of prompt_generation_jobs, or of jobs; no foreign key, so that jobs stays as it is';
comment on column public.prompt_feedback.number is '0: the prompt; else which picture of the job';

alter table public.prompt_feedback enable row level security;
alter table public.prompt_feedback force row level security;
