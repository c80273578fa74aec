-- The queue at a glance. Waits and processing times are means over the last 1,000 completed jobs,
-- in seconds; slots is what all workers seen in the last 30 seconds handle at once.
create or replace function public.get_prompt_queue_stats()
returns table (
  total_queued bigint, total_processing bigint, total_completed bigint, total_failed bigint,
  avg_wait_time_seconds numeric, total_cancelled bigint, avg_processing_seconds numeric,
  oldest_queued_seconds numeric, workers bigint, slots bigint, unfenced_writes bigint,
  completed_last_minute bigint, failed_last_hour bigint, completed_last_hour bigint,
  paused boolean, capped bigint
)
language sql
stable
set search_path = ''
as $$
  with waiting as (
    select count(*) filter (where q.state <> 'leased') as queued,
      count(*) filter (where q.state = 'leased') as processing,
      count(*) filter (where q.state = 'capped') as capped,
      min(q.enqueued_at) filter (where q.state <> 'leased') as oldest
    from public.prompt_job_queue q
  ),
  recent as (
    select avg(extract(epoch from r.started_at - r.created_at)) as wait,
      avg(extract(epoch from r.completed_at - r.started_at)) as processing
    from (
      select j.created_at, j.started_at, j.completed_at
      from public.prompt_generation_jobs j
      where j.status = 'completed'
      order by j.completed_at desc
      limit 1000
    ) r
  ),
  alive as (
    select count(*) as workers, coalesce(sum(w.concurrency), 0) as slots
    from public.prompt_queue_workers w
    where w.seen_at > clock_timestamp() - interval '30 seconds'
  )
  select waiting.queued, waiting.processing,
    (select count(*) from public.prompt_generation_jobs j where j.status = 'completed'),
    (select count(*) from public.prompt_generation_jobs j where j.status = 'failed'),
    round(coalesce(recent.wait, 0), 3),
    (select count(*) from public.prompt_generation_jobs j where j.status = 'cancelled'),
    round(recent.processing, 3),
    round(greatest(extract(epoch from clock_timestamp() - waiting.oldest), 0), 3),
    alive.workers, alive.slots,
    (select count(*) from public.prompt_job_events e where e.kind = 'unfenced_write'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'completed' and j.completed_at > clock_timestamp() - interval '1 minute'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'failed' and j.updated_at > clock_timestamp() - interval '1 hour'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'completed' and j.completed_at > clock_timestamp() - interval '1 hour'),
    exists (select from public.prompt_queue_pauses p where p.model = ''), waiting.capped
  from waiting, recent, alive
$$;
