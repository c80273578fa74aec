-- An explicit, audited act: the failed pictures of a job are made anew, with all their retries; one
-- whose prompt failed waits for that, which is reopened. With p_user_id it is the user's own act, and
-- counts among its open jobs. outcome: retried, not_failed, not_found or too_many_queued.
create or replace function public.retry_picture_job(
  p_job_id uuid, p_user_id uuid default null, p_actor text default 'operator'
)
returns text
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.retry'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user uuid;
  v_prompt_job uuid;
  v_again int;
  v_verdict text;
begin
  select p.user_id, p.prompt_job_id into v_user, v_prompt_job
  from public.picture_jobs p
  where p.job_id = p_job_id and (p_user_id is null or p.user_id = p_user_id)
  limit 1;
  if not found then
    return 'not_found';
  end if;
  if p_user_id is not null then
    select a.verdict into v_verdict
    from (
      select count(*)::int as failed from public.picture_jobs p
      where p.job_id = p_job_id and p.status = 'failed'
    ) f
    cross join lateral public.admit_prompt_request(p_user_id, f.failed) a
    where f.failed > 0;
    if v_verdict <> 'admitted' then
      return v_verdict;
    end if;
  end if;
  if exists (
    select from public.picture_jobs p
    where p.job_id = p_job_id and p.status = 'failed' and p.failed_with_prompt
  ) then
    perform public.retry_prompt_job(v_prompt_job, null, p_actor);
    perform public.reopen_picture_jobs(v_prompt_job);
    -- Somebody may have brought its prompt already.
    perform public.release_picture_jobs(array[v_prompt_job]);
    v_again := 1;
  else
    update public.picture_jobs p
    set status = 'queued', prediction_id = null, provider_outputs = null, retry_count = 0,
      past_predictions = p.past_predictions || array_remove(array[p.prediction_id], null),
      resubmits = 0, lease_losses = 0, error = null, error_code = null, completed_at = null,
      due_at = v_now, retried_at = v_now, updated_at = v_now
    where p.job_id = p_job_id and p.status = 'failed';
    get diagnostics v_again = row_count;
  end if;
  if v_again = 0 then
    return 'not_failed';
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_user, 'picture_retried', jsonb_strip_nulls(jsonb_build_object(
    'actor', p_actor, 'reason', nullif(current_setting('prompt_queue.reason', true), '')
  )));
  perform public.project_picture_jobs(array[p_job_id]);
  notify prompt_queue;
  return 'retried';
end
$$;
