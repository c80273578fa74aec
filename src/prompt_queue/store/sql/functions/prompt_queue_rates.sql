-- What can be said of the queue without counting it. Means are over the jobs that completed in the
-- last hour, or, without any, over all before, in seconds; slots is what all workers seen in the last
-- 30 seconds handle at once; oldest_queued_seconds is null where none waits.
create or replace function public.prompt_queue_rates()
returns table (
  avg_wait_time_seconds numeric, avg_processing_seconds numeric, oldest_queued_seconds numeric,
  workers bigint, slots bigint, completed_last_minute bigint, failed_last_hour bigint,
  completed_last_hour bigint, paused boolean
)
language sql
stable
set search_path = ''
as $$
  with hour as (
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
  ),
  oldest as (
    select min(q.enqueued_at) as at from public.prompt_job_queue q where q.lease_token is null
  )
  select round(coalesce(means.wait, 0)::numeric, 3), round(means.processing::numeric, 3),
    round(greatest(extract(epoch from clock_timestamp() - oldest.at), 0), 3),
    alive.workers, alive.slots, hour.completed_last_minute, hour.failed, hour.completed,
    exists (select from public.prompt_queue_pauses p where p.model = '')
  from hour cross join alive cross join oldest
  left join means on true
$$;
