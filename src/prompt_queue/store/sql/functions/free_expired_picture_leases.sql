-- Takes pictures away from workers that fell silent. One that was being bought, and whose submit may
-- have left, is unknown; nothing that may be paid for is given up. One that nothing was sent for
-- fails the third time. Returns how many leases were freed.
create or replace function public.free_expired_picture_leases(p_limit int default 100)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.reap'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_jobs uuid[];
  v_count int;
begin
  with expired as materialized (
    select p.id, p.job_id, p.user_id, p.number, p.status, p.worker, p.lease_losses + 1 as losses,
      p.status = 'submitting' and p.prediction_id is null and exists (
        select from public.provider_calls c
        where c.job_id = p.id and c.leg = 'picture' and c.lease_token = p.lease_token
          -- Or answered well, and its worker died before it could say what it had bought.
          and (c.state <> 'answered' or c.error_code is null)
      ) as was_sent
    from public.picture_jobs p
    where p.lease_until is not null and p.lease_until < v_now
    order by p.lease_until
    limit p_limit
    for update of p skip locked
  ),
  judged as materialized (
    select e.*,
      case
        when e.was_sent then 'submission_unknown'
        when e.status = 'submitting' and e.losses >= 3 then 'failed'
        when e.status = 'submitting' then 'queued'
        else e.status
      end as becomes
    from expired e
  ),
  moved as (
    update public.picture_jobs p
    set status = case when j.becomes = 'queued' and p.prediction_id is not null then 'submitted'
        else j.becomes end,
      lease_token = null, lease_until = null, attempt_until = null, worker = null,
      lease_losses = j.losses,
      due_at = case when j.becomes = 'failed' then null else v_now end,
      error = case when j.becomes = 'failed' then
        'The picture stopped three workers and was set aside; the operator has to look at it.'
        else p.error end,
      error_code = case when j.becomes = 'failed' then 'worker_died' else p.error_code end,
      completed_at = case when j.becomes = 'failed' then v_now else p.completed_at end,
      updated_at = v_now
    from judged j
    where p.id = j.id
  ),
  unanswered as (
    update public.provider_calls c
    set state = 'unanswered', error_code = 'worker_died', ended_at = v_now
    from judged j
    where j.was_sent and c.job_id = j.id and c.leg = 'picture' and c.state = 'sent'
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select j.job_id, j.user_id, 'picture_lease_lost', jsonb_build_object(
      'number', j.number, 'worker', j.worker, 'losses', j.losses, 'status', j.becomes)
    from judged j
  )
  select count(*), array_agg(distinct j.job_id) into v_count, v_jobs from judged j;
  if v_count > 0 then
    perform public.project_picture_jobs(v_jobs);
  end if;
  return v_count;
end
$$;
