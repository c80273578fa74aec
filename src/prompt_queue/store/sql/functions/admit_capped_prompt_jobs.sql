-- Makes jobs claimable that waited for their user's share, up to the cap; without a cap, all.
-- Returns how many. The caller holds the lock of claim_prompt_jobs().
create or replace function public.admit_capped_prompt_jobs(p_cap int, p_limit int default 1000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_in_flight jsonb := public.prompt_jobs_in_flight();
  v_count int;
begin
  with recursive users as (
    (
      select q.user_id
      from public.prompt_job_queue q
      where q.state = 'capped'
      order by q.user_id
      limit 1
    )
    union all
    select (
      select q.user_id
      from public.prompt_job_queue q
      where q.state = 'capped' and q.user_id > u.user_id
      order by q.user_id
      limit 1
    )
    from users u
    where u.user_id is not null
  ),
  admitted as materialized (
    select c.job_id
    from users u
    cross join lateral (
      select q.job_id
      from public.prompt_job_queue q
      where q.state = 'capped' and q.user_id = u.user_id
      order by q.priority desc, q.claim_key
      limit case
        when p_cap is null then p_limit
        else greatest(p_cap - coalesce((v_in_flight ->> u.user_id::text)::int, 0), 0)
      end
    ) c
    limit p_limit
  )
  update public.prompt_job_queue q
  set state = 'ready'
  from admitted a
  where q.job_id = a.job_id and q.state = 'capped';
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
