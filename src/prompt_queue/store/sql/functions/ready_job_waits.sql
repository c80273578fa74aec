-- Whether a prompt job waits that a claim may take: with stale statistics, too, each lane that is
-- looked at costs one row.
create or replace function public.ready_job_waits()
returns boolean
language sql
volatile
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select not exists (select from public.prompt_queue_pauses p where p.model = '') and exists (
    select from generate_series(1, 10) as lane (priority)
    cross join lateral (
      select q.job_id from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = lane.priority::smallint
      order by q.claim_key, q.enqueued_at limit 1
    ) h
    where not exists (
      select from public.prompt_queue_paused_priorities u where u.priority = lane.priority
    )
  )
$$;
