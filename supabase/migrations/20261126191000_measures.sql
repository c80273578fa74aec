-- Looks at the queue that cost the same at a thousand and at a million jobs.
--
-- The queue holds open jobs alone, so its index takes about a second at a million; the one of the
-- tries is of a table that is pruned.
-- squawk-ignore-file require-concurrent-index-creation

create index if not exists prompt_job_queue_oldest_idx
  on public.prompt_job_queue (enqueued_at) where lease_token is null;
comment on index public.prompt_job_queue_oldest_idx is
  'says nothing of states, so that no plan takes it for a way to what is ready';
create index if not exists webhook_tries_at_idx on public.webhook_tries (at);

-- The last count of what is to be done, for everybody who asks soon afterwards.
create table if not exists public.prompt_queue_counted (
  only_row boolean primary key default true check (only_row),
  counted_at timestamptz not null,
  took_seconds double precision not null,
  counts jsonb not null
) with (fillfactor = 50);
comment on table public.prompt_queue_counted is
  'what prompt_queue_backlog() has counted last, where that took long enough to be worth keeping';

create table if not exists public.prompt_promise_tally (
  at timestamptz not null,
  kind text not null,
  kept bigint not null,
  scored bigint not null,
  primary key (at, kind)
) with (fillfactor = 50);
comment on table public.prompt_promise_tally is
  'promises put to the test and kept, one line a kind and ten minutes';

insert into public.prompt_promise_tally (at, kind, kept, scored)
select date_bin('10 minutes', s.at, 'epoch'), s.kind, count(*) filter (where s.kept), count(*)
from (
  select p.start_scored_at as at, 'start' as kind, p.start_kept as kept
  from public.prompt_promises p
  where p.leg = 'prompt'
  union all
  select p.done_scored_at, case p.leg when 'prompt' then 'done' else 'picture' end, p.done_kept
  from public.prompt_promises p
) s
where s.at is not null
group by 1, 2
on conflict (at, kind) do nothing;

alter table public.prompt_queue_counted enable row level security;
alter table public.prompt_queue_counted force row level security;
alter table public.prompt_promise_tally enable row level security;
alter table public.prompt_promise_tally force row level security;
