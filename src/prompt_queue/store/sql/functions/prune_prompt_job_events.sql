-- Deletes events older than p_days from the old end of the table; returns how many.
create or replace function public.prune_prompt_job_events(
  p_days double precision, p_limit int default 5000
)
returns bigint
language sql
set search_path = ''
as $$
  with oldest as materialized (
    select e.id, e.created_at from public.prompt_job_events e order by e.id limit p_limit
  ),
  gone as (
    delete from public.prompt_job_events e
    using oldest o
    where e.id = o.id
      and o.created_at < clock_timestamp() - make_interval(secs => p_days * 86400)
    returning e.id
  )
  select count(*) from gone
$$;
