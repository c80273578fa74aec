-- Cancels what is left of a job; with p_user_id only if it is that user's. Its prompt is cancelled too
-- if no other job needs it. What is with the provider already is told so by a worker, which may not
-- stop it: at_provider counts these. outcome: cancelled, already_cancelled, already_final (all its
-- pictures had ended) or not_found.
create or replace function public.cancel_picture_job(p_job_id uuid, p_user_id uuid default null)
returns table (
  outcome text, cancelled int, at_provider int, succeeded int, spent_usd numeric,
  prompt_cancelled boolean
)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.cancel'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_prompt_job uuid;
  v_user uuid;
  v_outcome text;
  v_cancelled int := 0;
  v_there int := 0;
  v_prompt_cancelled boolean := false;
begin
  select p.prompt_job_id, p.user_id into v_prompt_job, v_user
  from public.picture_jobs p
  where p.job_id = p_job_id and (p_user_id is null or p.user_id = p_user_id)
  limit 1;
  if not found then
    return query select 'not_found', 0, 0, 0, 0::numeric, false;
    return;
  end if;
  -- In the order in which a prompt that ends takes its locks.
  perform 1 from public.prompt_job_queue q where q.job_id = v_prompt_job for update;
  with open as materialized (
    select p.id, p.status from public.picture_jobs p
    where p.job_id = p_job_id and p.status not in ('succeeded', 'failed', 'cancelled')
    order by p.id
    for update
  ),
  stopped as (
    update public.picture_jobs p
    set status = 'cancelled', lease_token = null, lease_until = null, attempt_until = null,
      worker = null, completed_at = v_now, updated_at = v_now,
      due_at = case when p.prediction_id is not null then v_now end
    from open o
    where p.id = o.id
  )
  select count(*), count(*) filter (
      where o.status in ('submitting', 'submission_unknown', 'submitted', 'running'))
  into v_cancelled, v_there
  from open o;
  if v_cancelled > 0 then
    v_outcome := 'cancelled';
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_user, 'picture_cancelled',
      jsonb_strip_nulls(jsonb_build_object(
        'pictures', v_cancelled, 'atProvider', v_there,
        'actor', nullif(current_setting('prompt_queue.actor', true), ''),
        'reason', nullif(current_setting('prompt_queue.reason', true), '')
      )));
    if v_prompt_job is not null and not exists (
      select from public.jobs d where d.prompt_job_id = v_prompt_job and d.id <> p_job_id
    ) then
      select c.outcome = 'cancelled' into v_prompt_cancelled
      from public.cancel_prompt_job(v_prompt_job) c;
    end if;
    perform public.project_picture_jobs(array[p_job_id]);
  elsif exists (
    select from public.picture_jobs p where p.job_id = p_job_id and p.status <> 'cancelled'
  ) then
    v_outcome := 'already_final';
  else
    v_outcome := 'already_cancelled';
  end if;
  return query
  select v_outcome, v_cancelled, v_there,
    (select count(*)::int from public.picture_jobs p
      where p.job_id = p_job_id and p.status = 'succeeded'),
    coalesce((
      select sum(c.cost_usd) from public.provider_calls c
      where c.job_id = v_prompt_job
        or c.job_id in (select p.id from public.picture_jobs p where p.job_id = p_job_id)
    ), 0), v_prompt_cancelled;
end
$$;
