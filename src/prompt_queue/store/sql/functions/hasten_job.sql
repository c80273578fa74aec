-- An explicit, audited act: a job that rests until a time may be claimed now, its retries as they
-- are. One that waits for an identical request, or for other jobs of its user, is left alone.
-- outcome: hastened, not_delayed or not_found.
create or replace function public.hasten_job(p_job_id uuid, p_actor text default 'operator')
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user uuid;
  v_is_picture boolean := false;
begin
  update public.prompt_job_queue q
  set state = 'ready', next_attempt_at = null
  where q.job_id = p_job_id and q.state = 'delayed' and q.follows is null
  returning q.user_id into v_user;
  if not found then
    update public.picture_jobs p
    set due_at = v_now, updated_at = v_now
    where p.job_id = p_job_id and p.status = 'queued' and p.due_at > v_now
      and p.error_code is not null;
    v_is_picture := found;
    if not v_is_picture then
      return case when exists (
        select from public.prompt_generation_jobs j where j.id = p_job_id
        union all
        select from public.picture_jobs p where p.job_id = p_job_id
      ) then 'not_delayed' else 'not_found' end;
    end if;
    select p.user_id into v_user from public.picture_jobs p where p.job_id = p_job_id limit 1;
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (
    p_job_id, v_user, case when v_is_picture then 'picture_hastened' else 'hastened' end,
    jsonb_strip_nulls(jsonb_build_object(
      'actor', p_actor, 'reason', nullif(current_setting('prompt_queue.reason', true), '')
    ))
  );
  notify prompt_queue;
  return 'hastened';
end
$$;
