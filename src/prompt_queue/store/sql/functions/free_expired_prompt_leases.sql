-- Takes jobs away from workers that fell silent: back to the queue, or, the third time, out of it
-- as failed (worker_died). Check and change are one statement. Returns how many leases were freed.
create or replace function public.free_expired_prompt_leases(p_limit int default 100)
returns int
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.reap'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with expired as materialized (
    select q.job_id, q.user_id, q.worker, q.lease_losses + 1 as losses
    from public.prompt_job_queue q
    where q.state = 'leased' and q.lease_until < v_now
    order by q.job_id
    limit p_limit
    for update skip locked
  ),
  requeued as (
    update public.prompt_job_queue q
    set state = 'ready', lease_token = null, lease_until = null, attempt_until = null,
      worker = null,
      lease_losses = e.losses
    from expired e
    where q.job_id = e.job_id and e.losses < 3
  ),
  quarantined as (
    delete from public.prompt_job_queue q
    using expired e
    where q.job_id = e.job_id and e.losses >= 3
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = case when e.losses < 3 then 'queued' else 'failed' end,
      error = case when e.losses < 3 then j.error else
        'The request stopped three workers and was set aside; the operator has to look at it.' end,
      error_code = case when e.losses < 3 then j.error_code else 'worker_died' end,
      completed_at = case when e.losses < 3 then null else v_now end,
      updated_at = v_now
    from expired e
    where j.id = e.job_id
  ),
  dependents as (
    update public.jobs d
    set prompt_status = 'failed'
    from expired e
    where d.prompt_job_id = e.job_id and e.losses >= 3
  ),
  counted as (
    insert into public.prompt_queue_tally (at, status, jobs)
    select v_now, 'failed', count(*) from expired e where e.losses >= 3 having count(*) > 0
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select e.job_id, e.user_id, 'lease_lost',
      jsonb_build_object('worker', e.worker, 'losses', e.losses)
    from expired e
    union all
    select e.job_id, e.user_id, 'failed', jsonb_build_object('code', 'worker_died')
    from expired e
    where e.losses >= 3
  )
  select count(*) into v_count from expired;
  return v_count;
end
$$;
