-- What a model has written so far of prompts that are on their way, for whoever watches.

-- Unlogged: it is worth nothing after a crash, and written several times a second.
create unlogged table if not exists public.prompt_partials (
  job_id uuid primary key,
  lease_token uuid not null,
  partial text not null,
  updated_at timestamptz not null default clock_timestamp()
) with (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500
);

comment on table public.prompt_partials is
  'text as far as a model has written it; counts while the lease that wrote it is held';

alter table public.prompt_generation_jobs add column if not exists stream boolean;
comment on column public.prompt_generation_jobs.stream is
  'true: the text is shown while the model writes it';

alter table public.prompt_partials enable row level security;
alter table public.prompt_partials force row level security;
