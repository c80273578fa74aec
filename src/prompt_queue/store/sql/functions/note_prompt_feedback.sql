-- What its user thinks of a finished prompt (p_number 0) or of a finished picture of a job (its
-- number). There is one verdict of each; a new one takes its place, and p_verdict null withdraws it.
-- The event says every change, never the words. outcome: noted, unchanged, nothing_yet where nothing
-- is finished, or not_found, also where the job is somebody else's.
create or replace function public.note_prompt_feedback(
  p_job_id uuid,
  p_number int,
  p_user_id uuid,
  p_verdict text,
  p_reason text default null,
  p_words text default null
)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_there boolean;
begin
  if p_number = 0 then
    select j.status = 'completed' into v_there
    from public.prompt_generation_jobs j
    where j.id = p_job_id and j.user_id = p_user_id
    for share;
  else
    select p.status = 'succeeded' into v_there
    from public.picture_jobs p
    where p.job_id = p_job_id and p.number = p_number and p.user_id = p_user_id
    for share;
  end if;
  if v_there is null then
    return 'not_found';
  elsif p_verdict is null then
    delete from public.prompt_feedback f
    where f.job_id = p_job_id and f.number = p_number and f.user_id = p_user_id;
  elsif not v_there then
    return 'nothing_yet';
  else
    insert into public.prompt_feedback as f (job_id, number, user_id, verdict, reason, words)
    values (p_job_id, p_number, p_user_id, p_verdict, p_reason, p_words)
    on conflict (job_id, number, user_id) do update
    set verdict = excluded.verdict, reason = excluded.reason, words = excluded.words,
      updated_at = clock_timestamp()
    where (f.verdict, f.reason, f.words)
      is distinct from (excluded.verdict, excluded.reason, excluded.words);
  end if;
  if not found then
    return 'unchanged';
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (
    p_job_id, p_user_id, case when p_number = 0 then 'feedback' else 'picture_feedback' end,
    jsonb_strip_nulls(jsonb_build_object(
      'verdict', coalesce(p_verdict, 'withdrawn'), 'reason', p_reason,
      'number', nullif(p_number, 0)
    ))
  );
  return 'noted';
end
$$;
