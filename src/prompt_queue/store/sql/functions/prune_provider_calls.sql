-- Deletes calls older than p_days whose job is over; returns how many.
create or replace function public.prune_provider_calls(
  p_days double precision, p_limit int default 5000
)
returns bigint
language sql
set search_path = ''
as $$
  with oldest as materialized (
    select c.call_id
    from public.provider_calls c
    where c.started_at < clock_timestamp() - make_interval(secs => p_days * 86400)
      and not exists (select from public.prompt_job_queue q where q.job_id = c.job_id)
    order by c.started_at
    limit p_limit
  ),
  gone as (
    delete from public.provider_calls c using oldest o where c.call_id = o.call_id
    returning c.call_id
  )
  select count(*) from gone
$$;
