-- The queue at a glance. Waits and processing times are means over the jobs that completed in the
-- last hour, or, without any, over all before, in seconds; slots is what all workers seen in the
-- last 30 seconds handle at once.
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
  tally as (
    select coalesce(sum(t.jobs) filter (where t.status = 'completed'), 0)::bigint as completed,
      coalesce(sum(t.jobs) filter (where t.status = 'failed'), 0)::bigint as failed,
      coalesce(sum(t.jobs) filter (where t.status = 'cancelled'), 0)::bigint as cancelled
    from public.prompt_queue_tally t
  ),
  hour as (
    select coalesce(sum(t.jobs) filter (
        where t.status = 'completed' and t.at > clock_timestamp() - interval '1 minute'
      ), 0)::bigint as completed_last_minute,
      coalesce(sum(t.jobs) filter (where t.status = 'completed'), 0)::bigint as completed,
      coalesce(sum(t.jobs) filter (where t.status = 'failed'), 0)::bigint as failed
    from public.prompt_queue_tally t
    where t.at > clock_timestamp() - interval '1 hour'
  ),
  means as (
    select t.at > clock_timestamp() - interval '1 hour' as recent,
      sum(t.wait_seconds) / sum(t.measured) as wait,
      sum(t.processing_seconds) / sum(t.measured) as processing
    from public.prompt_queue_tally t
    where t.status = 'completed'
    group by 1
    having sum(t.measured) > 0
    order by 1 desc
    limit 1
  ),
  alive as (
    select count(*) as workers, coalesce(sum(w.concurrency), 0) as slots
    from public.prompt_queue_workers w
    where w.seen_at > clock_timestamp() - interval '30 seconds'
  )
  select waiting.queued, waiting.processing, tally.completed, tally.failed,
    round(coalesce(means.wait, 0)::numeric, 3), tally.cancelled,
    round(means.processing::numeric, 3),
    round(greatest(extract(epoch from clock_timestamp() - waiting.oldest), 0), 3),
    alive.workers, alive.slots,
    (select count(*) from public.prompt_job_events e where e.kind = 'unfenced_write'),
    hour.completed_last_minute, hour.failed, hour.completed,
    exists (select from public.prompt_queue_pauses p where p.model = ''), waiting.capped
  from waiting cross join tally cross join hour cross join alive
  left join means on true
$$;
