-- Deletes final jobs older than p_days, except those that a row of jobs still names. Looks at
-- p_limit jobs from p_after on, oldest first, and says where the next batch begins: kept jobs are
-- not looked at again and again. after is null at the end.
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
  v_ids uuid[];
  v_last timestamptz;
begin
  if p_status = 'completed' then
    select array_agg(o.id), max(o.at) into v_ids, v_last
    from (
      select j.id, j.completed_at as at from public.prompt_generation_jobs j
      where j.status = 'completed' and j.completed_at >= p_after and j.completed_at < v_before
      order by j.completed_at limit p_limit
    ) o;
  elsif p_status = 'failed' then
    select array_agg(o.id), max(o.at) into v_ids, v_last
    from (
      select j.id, j.updated_at as at from public.prompt_generation_jobs j
      where j.status = 'failed' and j.updated_at >= p_after and j.updated_at < v_before
      order by j.updated_at limit p_limit
    ) o;
  elsif p_status = 'cancelled' then
    select array_agg(o.id), max(o.at) into v_ids, v_last
    from (
      select j.id, j.updated_at as at from public.prompt_generation_jobs j
      where j.status = 'cancelled' and j.updated_at >= p_after and j.updated_at < v_before
      order by j.updated_at limit p_limit
    ) o;
  else
    raise exception 'only completed, failed and cancelled jobs are pruned, not %', p_status
      using errcode = 'invalid_parameter_value';
  end if;
  return query
  with locked as materialized (
    select j.id
    from public.prompt_generation_jobs j
    where j.id = any (v_ids) and j.status = p_status
      and not exists (select from public.jobs d where d.prompt_job_id = j.id)
    order by j.id
    for update skip locked
  ),
  gone as (
    delete from public.prompt_generation_jobs j using locked l where j.id = l.id returning j.id
  )
  select count(*), case when cardinality(v_ids) = p_limit and v_last > p_after then v_last end
  from gone;
end
$$;
