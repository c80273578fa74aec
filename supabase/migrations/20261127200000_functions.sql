-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> note_picture_hint
-- A webhook of the provider, whose signature was found good, about the submit p_call_id: the picture
-- is looked at now, and where its submit had no answer it is known to be bought. The hint is not
-- believed further than that: a prediction belongs to one picture, and nothing is noted of a message
-- about another's, as no signature covers the address that it was sent to. Answers taken, repeated
-- (that webhook was taken before), late (the picture has ended) or unknown (there is no such submit,
-- or the prediction is another picture's).
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
  if exists (
    select from public.picture_jobs p
    where p.prediction_id = p_prediction_id and p.id is distinct from (
      select c.job_id from public.provider_calls c
      where c.call_id = p_call_id and c.leg = 'picture')
  ) then
    return 'unknown';
  end if;
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
