-- Counts that only grow, for metrics: summed up from events and calls before these are pruned.
create table if not exists public.prompt_queue_totals (
  name text not null,
  labels text [] not null,
  value double precision not null default 0,
  primary key (name, labels)
) with (fillfactor = 50);
comment on table public.prompt_queue_totals is
  'what sum_up_prompt_queue() has counted since the first event; never less than before';

-- How far it has read.
create table if not exists public.prompt_queue_totals_read (
  only_row boolean primary key default true check (only_row),
  event_id bigint not null default 0,
  seen_id bigint not null default 0,
  seen_before xid8 not null default '0',
  calls_until timestamptz not null default '-infinity'
) with (fillfactor = 50);
comment on column public.prompt_queue_totals_read.event_id is
  'events up to this number are in the totals';
comment on column public.prompt_queue_totals_read.seen_id is
  'events up to this number are all there once transactions before seen_before are over';
comment on column public.prompt_queue_totals_read.calls_until is
  'calls that began up to then are in the totals';

insert into public.prompt_queue_totals_read (only_row) values (true) on conflict do nothing;

alter table public.prompt_queue_totals enable row level security;
alter table public.prompt_queue_totals force row level security;
alter table public.prompt_queue_totals_read enable row level security;
alter table public.prompt_queue_totals_read force row level security;
