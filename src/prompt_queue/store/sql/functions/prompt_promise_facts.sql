-- When the work of a promise began and ended; is_void where the job was cancelled or is gone.
create or replace function public.prompt_promise_facts(p_job_id uuid, p_leg text)
returns table (started_at timestamptz, ended_at timestamptz, is_void boolean)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  if p_leg = 'prompt' then
    return query
    select least(j.started_at, e.at), e.at, j.status = 'cancelled'
    from public.prompt_generation_jobs j
    cross join lateral (
      select case when j.status in ('completed', 'failed') then j.completed_at end
    ) e (at)
    where j.id = p_job_id;
  else
    return query
    select least(f.started_at, f.ended_at), f.ended_at, f.status = 'cancelled'
    from (
      select min(p.submitted_at) as started_at,
        case when bool_and(p.status in ('succeeded', 'failed', 'cancelled'))
          then max(p.completed_at) end as ended_at,
        public.picture_job_status(array_agg(p.status)) as status
      from public.picture_jobs p
      where p.job_id = p_job_id
      having count(*) > 0
    ) f;
  end if;
  if not found then
    return query select null::timestamptz, null::timestamptz, true;
  end if;
end
$$;
