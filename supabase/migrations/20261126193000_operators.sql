-- What the operator's pages look at and press: the past by the minute and by the day, pauses of
-- priorities, and a log of acts that says what each was about.
--
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

alter table public.prompt_operator_log
  add column if not exists about text,
  add column if not exists detail jsonb not null default '{}';
comment on column public.prompt_operator_log.about is
  'what was acted on where it is no model: a job, an endpoint, a range of priorities';
comment on column public.prompt_operator_log.detail is
  'what else is worth knowing: ids of jobs, the number of those that were refused';

-- One row a priority that is not worked on; a claim leaves its lane out.
create table if not exists public.prompt_queue_paused_priorities (
  priority smallint primary key check (priority between 1 and 10),
  reason text,
  actor text not null,
  paused_at timestamptz not null default clock_timestamp()
);

-- Written by sum_up_prompt_queue(), which forgets what is older than two days.
create table if not exists public.prompt_queue_minutes (
  minute timestamptz not null,
  name text not null,
  label text not null default '',
  value bigint not null,
  primary key (minute, name, label)
) with (fillfactor = 50);
comment on table public.prompt_queue_minutes is
  'what happened in each minute; name is a kind of event, or wait or processing';
comment on column public.prompt_queue_minutes.label is
  'source of a prompt, class of an error, or n: seconds up to 2 ^ (n / 8)';

create table if not exists public.prompt_queue_spend (
  day date not null,
  leg text not null,
  provider text not null,
  model text not null,
  calls bigint not null,
  unresolved bigint not null,
  usd numeric not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  primary key (day, leg, provider, model)
) with (fillfactor = 50);
comment on table public.prompt_queue_spend is
  'the cost of a day in UTC, of calls up to prompt_queue_totals_read.calls_until';
comment on column public.prompt_queue_spend.unresolved is 'calls of which no answer was seen';

insert into public.prompt_queue_spend
select (c.started_at at time zone 'UTC')::date, c.leg, c.provider, c.model, count(*),
  count(*) filter (where c.state <> 'answered'), coalesce(sum(c.cost_usd), 0),
  coalesce(sum(c.prompt_tokens), 0),
  coalesce(sum(coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)), 0)
from public.provider_calls c
where c.started_at >= date_trunc('day', clock_timestamp(), 'UTC')
  and c.started_at <= (select r.calls_until from public.prompt_queue_totals_read r)
group by 1, 2, 3, 4
on conflict do nothing;

-- Listings of everybody's pictures, newest first, and how many are in which open state.
create index if not exists picture_jobs_created_idx
  on public.picture_jobs (created_at, job_id) where number = 1;
create index if not exists picture_jobs_open_idx on public.picture_jobs (status)
  where status not in ('succeeded', 'failed', 'cancelled');

-- Jobs of one insert have the same created_at: without the id each look would sort them all.
create index if not exists prompt_generation_jobs_newest_idx
  on public.prompt_generation_jobs (created_at, id);
create index if not exists prompt_generation_jobs_errors_idx
  on public.prompt_generation_jobs (created_at, id) where error_code is not null;
drop index if exists public.prompt_generation_jobs_created_idx;
drop index if exists public.prompt_generation_jobs_error_idx;

alter table public.prompt_queue_paused_priorities enable row level security;
alter table public.prompt_queue_paused_priorities force row level security;
alter table public.prompt_queue_minutes enable row level security;
alter table public.prompt_queue_minutes force row level security;
alter table public.prompt_queue_spend enable row level security;
alter table public.prompt_queue_spend force row level security;
