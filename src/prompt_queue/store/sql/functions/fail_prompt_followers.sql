-- Fails the jobs that wait for flights which have failed for good: p_flights is an array of {flight,
-- error, error_code}, the flight as prompt_job_queue.follows names it. Returns how many.
create or replace function public.fail_prompt_followers(p_flights jsonb)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_failed bigint;
begin
  with over as materialized (
    select f.* from jsonb_to_recordset(p_flights) as f (flight text, error text, error_code text)
  ),
  removed as materialized (
    delete from public.prompt_job_queue q
    using over o
    where q.follows = o.flight and q.state = 'delayed'
    returning q.job_id, q.user_id, o.error, o.error_code
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = 'failed', error = r.error, error_code = r.error_code, completed_at = v_now,
      updated_at = v_now
    from removed r
    where j.id = r.job_id
  ),
  dependents as (
    update public.jobs d set prompt_status = 'failed'
    from removed r
    where d.prompt_job_id = r.job_id
  ),
  counted as (
    insert into public.prompt_queue_tally (at, status, jobs)
    select v_now, 'failed', count(*) from removed r having count(*) > 0
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select r.job_id, r.user_id, 'failed', jsonb_build_object('code', r.error_code, 'followed', true)
    from removed r
  )
  select count(*) into v_failed from removed r;
  return v_failed;
end
$$;
