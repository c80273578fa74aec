-- How long a job may go on failing.

alter table public.prompt_queue_settings add column if not exists job_seconds double precision;

comment on column public.prompt_queue_settings.job_seconds is
  'so long after it was queued a job is neither tried nor postponed again; null: no limit';
