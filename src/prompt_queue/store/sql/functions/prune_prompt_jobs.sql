-- Deletes jobs that ended more than p_days ago, except those that a row of jobs still names: at
-- most p_limit of those created from p_after on, oldest first. Says where the next batch begins,
-- null at the end. p_status null: whatever they ended as.
create or replace function public.prune_prompt_jobs(
  p_days double precision,
  p_status text,
  p_after timestamptz default '-infinity',
  p_limit int default 500
)
returns table (deleted bigint, after timestamptz)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_days * 86400);
begin
  if p_status not in ('completed', 'failed', 'cancelled') then
    raise exception 'only completed, failed and cancelled jobs are pruned, not %', p_status
      using errcode = 'invalid_parameter_value';
  end if;
  return query
  with old as materialized (
    select j.id, j.created_at
    from public.prompt_generation_jobs j
    where j.created_at >= p_after and j.created_at < v_before
      and j.status in ('completed', 'failed', 'cancelled')
      and (p_status is null or j.status = p_status)
      and coalesce(j.completed_at, j.updated_at) < v_before
      and not exists (select from public.jobs d where d.prompt_job_id = j.id)
    order by j.created_at
    limit p_limit
    for update skip locked
  ),
  gone as (
    delete from public.prompt_generation_jobs j using old o where j.id = o.id
    returning o.created_at
  )
  select count(*), case when count(*) = p_limit then max(g.created_at) end
  from gone g;
end
$$;
