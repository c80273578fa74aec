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
      count(*) filter (where q.state = 'capped') as capped
    from public.prompt_job_queue q
  ),
  tally as (
    select coalesce(sum(t.jobs) filter (where t.status = 'completed'), 0)::bigint as completed,
      coalesce(sum(t.jobs) filter (where t.status = 'failed'), 0)::bigint as failed,
      coalesce(sum(t.jobs) filter (where t.status = 'cancelled'), 0)::bigint as cancelled
    from public.prompt_queue_tally t
  )
  select w.queued, w.processing, t.completed, t.failed, r.avg_wait_time_seconds, t.cancelled,
    r.avg_processing_seconds, r.oldest_queued_seconds, r.workers, r.slots,
    (select count(*) from public.prompt_job_events e where e.kind = 'unfenced_write'),
    r.completed_last_minute, r.failed_last_hour, r.completed_last_hour, r.paused, w.capped
  from waiting w cross join tally t cross join public.prompt_queue_rates() r
$$;
