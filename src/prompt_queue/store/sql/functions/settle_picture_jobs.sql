-- Carries out what became of leased pictures. p_outcomes is an array of {picture_id, lease_token,
-- outcome, delay_seconds, error, error_code, prediction_id, provider_outputs, outputs, nsfw}.
-- prediction_id is what the worker knows the picture by. outcome: submitted (bought), unknown (sent,
-- no answer seen), waiting and running (the provider has not begun, or is at it), made (done there:
-- provider_outputs are to be saved), succeeded (outputs are ours), failed, retry (burns one; failed
-- without any left), postponed, again (back to be bought: what was sent is lost, or, which burns a
-- retry, failed there), released, withdrawn (a cancelled one was told to the provider). The token
-- must be the current one; only what is bought or saved is also taken from a worker that lost its
-- lease, while the picture is open and not bought otherwise. A prediction belongs to one picture.
-- Returns what was applied, and the status now.
create or replace function public.settle_picture_jobs(p_outcomes jsonb)
returns table (picture_id uuid, applied boolean, status text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_one record;
  v_is public.picture_jobs;
  v_act text;
  v_to text;
  v_fits boolean;
  v_final boolean;
  v_jobs uuid[] := '{}';
begin
  for v_one in
    select o.* from jsonb_to_recordset(p_outcomes) as o (
      picture_id uuid, lease_token uuid, outcome text, delay_seconds double precision, error text,
      error_code text, prediction_id text, provider_outputs text[], outputs jsonb, nsfw boolean
    )
    order by o.picture_id
  loop
    select p.* into v_is from public.picture_jobs p where p.id = v_one.picture_id for update;
    if not found then
      return query select v_one.picture_id, false, null::text;
      continue;
    end if;
    v_act := case
      -- A webhook has told meanwhile what the worker does not know yet: that it is bought.
      when v_is.hinted_at is not null and v_is.prediction_id is distinct from v_one.prediction_id
        and v_is.lease_token = v_one.lease_token
        and v_one.outcome in ('unknown', 'again', 'failed', 'retry', 'postponed', 'released')
        then 'submitted'
      when v_one.outcome = 'submitted' and exists (
        select from public.picture_jobs o
        where o.prediction_id = v_one.prediction_id and o.id <> v_is.id
      ) or v_one.outcome = 'submitted' and v_one.prediction_id = any (v_is.past_predictions)
        then 'unknown'
      -- Stopped in the middle of a submit, by whatever: it may be bought.
      when v_is.status = 'submitting' and v_one.outcome in ('released', 'postponed', 'retry', 'failed')
        and exists (
          select from public.provider_calls c
          where c.job_id = v_is.id and c.leg = 'picture' and c.lease_token = v_one.lease_token
            and (c.state <> 'answered' or c.error_code is null)
        ) then 'unknown'
      when (v_one.outcome = 'retry' or v_one.outcome = 'again' and v_is.prediction_id is not null)
        and v_is.retry_count >= v_is.max_retries then 'failed'
      else v_one.outcome
    end;
    v_fits := v_is.lease_token = v_one.lease_token and (
        v_is.status not in ('succeeded', 'failed', 'cancelled')
        or v_is.status = 'cancelled' and v_act in ('withdrawn', 'postponed', 'released')
      )
      or v_act = 'submitted' and v_is.prediction_id is null
        and v_is.status in ('queued', 'submitting', 'submission_unknown')
      or v_act = 'succeeded' and v_is.status = 'saving';
    if v_fits is not true then
      if v_act = 'submitted' and v_is.prediction_id <> v_one.prediction_id then
        -- Two were bought: nobody waits for this one, and somebody should know.
        insert into public.prompt_job_events (job_id, user_id, kind, data)
        values (v_is.job_id, v_is.user_id, 'picture_bought_twice', jsonb_build_object(
          'number', v_is.number, 'predictionId', v_one.prediction_id));
      end if;
      return query select v_one.picture_id, false, v_is.status;
      continue;
    end if;
    v_final := v_act in ('succeeded', 'failed');
    v_to := case v_act
      when 'submitted' then 'submitted'
      when 'unknown' then 'submission_unknown'
      when 'waiting' then 'submitted'
      when 'running' then 'running'
      when 'made' then 'saving'
      when 'again' then 'queued'
      when 'succeeded' then 'succeeded'
      when 'failed' then 'failed'
      else case v_is.status when 'submitting' then 'queued' else v_is.status end
    end;
    update public.picture_jobs p
    set status = v_to,
      prediction_id = case when v_act in ('again', 'unknown') then null
        when p.hinted_at is not null then p.prediction_id
        else coalesce(v_one.prediction_id, p.prediction_id) end,
      past_predictions = p.past_predictions
        || case when v_act in ('again', 'unknown') then array_remove(array[p.prediction_id], null)
          else '{}' end,
      provider_outputs = coalesce(v_one.provider_outputs, p.provider_outputs),
      outputs = coalesce(v_one.outputs, p.outputs),
      nsfw = coalesce(v_one.nsfw, p.nsfw),
      error = case when v_act in ('succeeded', 'submitted', 'made') then null
        else coalesce(v_one.error, p.error) end,
      error_code = case when v_act in ('succeeded', 'submitted', 'made') then null
        else coalesce(v_one.error_code, p.error_code) end,
      retry_count = p.retry_count
        + (v_act = 'retry' or v_act = 'again' and p.prediction_id is not null)::int,
      resubmits = p.resubmits + (v_act = 'again' and p.prediction_id is null)::int,
      lease_token = null, lease_until = null, attempt_until = null, worker = null,
      submitted_at = case when v_act = 'submitted' then v_now else p.submitted_at end,
      completed_at = case when v_final then v_now else p.completed_at end,
      due_at = case
        when v_final or v_act = 'withdrawn' then null
        -- News came while it was looked at.
        when p.hinted_at is not null and v_to in ('submission_unknown', 'submitted', 'running')
          then v_now
        else v_now + make_interval(secs => greatest(coalesce(v_one.delay_seconds, 0), 0))
      end,
      hinted_at = null, updated_at = v_now
    where p.id = v_is.id;
    if v_act not in ('waiting', 'released') and (v_act <> 'running' or v_is.status <> 'running') then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values (v_is.job_id, v_is.user_id,
        case v_act when 'unknown' then 'picture_submission_unknown'
          when 'again' then 'picture_resubmitted' else 'picture_' || v_act end,
        jsonb_strip_nulls(jsonb_build_object(
          'number', v_is.number, 'code', v_one.error_code, 'predictionId', v_one.prediction_id,
          'delaySeconds', nullif(v_one.delay_seconds, 0),
          'lease', left(v_one.lease_token::text, 8)
        )));
    end if;
    if v_act = 'submitted' and v_is.prediction_id <> v_one.prediction_id then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values (v_is.job_id, v_is.user_id, 'picture_bought_twice', jsonb_build_object(
        'number', v_is.number, 'predictionId', v_one.prediction_id));
    end if;
    v_jobs := v_jobs || v_is.job_id;
    return query select v_one.picture_id, true, v_to;
  end loop;
  perform public.project_picture_jobs(v_jobs);
end
$$;
