-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> cancel_prompt_job
-- Cancels one job, final in the database at once; with p_user_id only if it is that user's.
-- The event's savedUsd is what the call would have cost that is not made any more, by the mean of
-- the user's last ten: what others pay is theirs to know. Absent where a call is in flight or nothing is known.
-- outcome: cancelled, already_cancelled, already_final (completed or failed first) or not_found.
create or replace function public.cancel_prompt_job(p_job_id uuid, p_user_id uuid default null)
returns table (outcome text, status text, spent_usd numeric, calls bigint, call_in_flight boolean)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.cancel'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
  v_outcome text;
  v_in_flight boolean;
  v_saved numeric;
begin
  -- The queue row is the lock that settle, reap and cancel all take first.
  perform 1 from public.prompt_job_queue q where q.job_id = p_job_id for update;
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id);
  if not found then
    return query select 'not_found', null::text, 0::numeric, 0::bigint, false;
    return;
  end if;
  select coalesce(bool_or(c.state = 'sent') and v_job.status = 'processing', false)
  into v_in_flight
  from public.provider_calls c
  where c.job_id = p_job_id;
  if v_job.status in ('queued', 'processing') then
    if not v_in_flight then
      select round(avg(c.cost_usd), 6) into v_saved
      from (
        select l.cost_usd from public.provider_calls l
        where l.user_id = v_job.user_id and l.leg = 'prompt' and l.cost_usd is not null
        order by l.started_at desc
        limit 10
      ) c;
    end if;
    delete from public.prompt_job_queue q where q.job_id = p_job_id;
    update public.prompt_generation_jobs j
    set status = 'cancelled', completed_at = v_now, updated_at = v_now
    where j.id = p_job_id;
    insert into public.prompt_queue_tally (at, status, jobs) values (v_now, 'cancelled', 1);
    update public.jobs d set prompt_status = 'failed' where d.prompt_job_id = p_job_id;
    perform public.release_picture_jobs(array[p_job_id]);
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_job.user_id, 'cancelled',
      jsonb_strip_nulls(jsonb_build_object(
        'savedUsd', v_saved, 'actor', nullif(current_setting('prompt_queue.actor', true), ''),
        'reason', nullif(current_setting('prompt_queue.reason', true), '')
      )));
    v_outcome := 'cancelled';
  elsif v_job.status = 'cancelled' then
    v_outcome := 'already_cancelled';
  else
    v_outcome := 'already_final';
  end if;
  return query
  select v_outcome, case v_outcome when 'cancelled' then 'cancelled' else v_job.status end,
    coalesce(sum(c.cost_usd), 0), count(*), v_in_flight
  from public.provider_calls c
  where c.job_id = p_job_id;
end
$$;
-- <<< cancel_prompt_job

-- >>> note_picture_hint
-- A webhook of the provider, whose signature was found good, about the submit p_call_id: the picture
-- is looked at now, and where its submit had no answer it is known to be bought. The hint is not
-- believed further than that: a prediction belongs to one picture. Answers taken, repeated (that
-- webhook was taken before), late (the picture has ended) or unknown (there is no such submit, or the
-- prediction is another picture's).
create or replace function public.note_picture_hint(
  p_call_id uuid, p_prediction_id text, p_webhook_id text
)
returns text
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.webhook'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_is public.picture_jobs;
begin
  insert into public.picture_webhooks (webhook_id) values (p_webhook_id) on conflict do nothing;
  if not found then
    return 'repeated';
  end if;
  select p.* into v_is
  from public.provider_calls c
  join public.picture_jobs p on p.id = c.job_id
  where c.call_id = p_call_id and c.leg = 'picture'
  for update of p;
  if not found then
    return 'unknown';
  end if;
  if exists (
    select from public.picture_jobs o where o.prediction_id = p_prediction_id and o.id <> v_is.id
  ) then
    return 'unknown';
  end if;
  update public.provider_calls c
  set state = 'answered', error_code = null, ended_at = coalesce(c.ended_at, v_now)
  where c.call_id = p_call_id and c.state = 'unanswered';
  if p_prediction_id = any (v_is.past_predictions) then
    return 'late';
  elsif v_is.prediction_id is distinct from p_prediction_id and v_is.prediction_id is not null then
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (v_is.job_id, v_is.user_id, 'picture_bought_twice', jsonb_build_object(
      'number', v_is.number, 'predictionId', p_prediction_id));
    return 'late';
  elsif v_is.status in ('succeeded', 'failed', 'cancelled', 'saving') then
    return 'late';
  end if;
  update public.picture_jobs p
  set prediction_id = p_prediction_id,
    status = case when p.status in ('submission_unknown', 'queued') then 'submitted'
      else p.status end,
    submitted_at = coalesce(p.submitted_at, v_now),
    hinted_at = case when p.lease_token is not null then v_now end,
    due_at = case when p.lease_token is null then v_now end, updated_at = v_now
  where p.id = v_is.id;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (v_is.job_id, v_is.user_id, 'picture_hinted', jsonb_build_object(
    'number', v_is.number, 'predictionId', p_prediction_id));
  perform public.project_picture_jobs(array[v_is.job_id]);
  notify prompt_queue;
  return 'taken';
end
$$;
-- <<< note_picture_hint
