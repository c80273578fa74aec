-- Which alert fires since when; changed by note_prompt_alerts() alone.
create table if not exists public.prompt_queue_alerts (
  name text not null,
  about text not null default '',
  since timestamptz not null,
  last_seen timestamptz not null,
  resolved_at timestamptz,
  value double precision not null,
  threshold double precision not null,
  sentence text not null,
  primary key (name, about)
) with (fillfactor = 50);
comment on column public.prompt_queue_alerts.about is
  'which model, table or kind of promise, where a rule looks at several';
comment on column public.prompt_queue_alerts.resolved_at is
  'null: it fires; else when it was found to be over';

alter table public.prompt_queue_alerts enable row level security;
alter table public.prompt_queue_alerts force row level security;
