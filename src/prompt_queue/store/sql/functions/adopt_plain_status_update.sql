-- A client that writes prompt_generation_jobs.status itself instead of calling the functions:
-- ending an open job is carried through to the queue, dependents and events; anything else would
-- break the lease and is refused.
create or replace function public.adopt_plain_status_update()
returns trigger
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.adopt'
as $$
begin
  if new.status not in ('completed', 'failed', 'cancelled') then
    raise exception 'the status of prompt job % cannot be set to % by hand', old.id, new.status
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'call claim_prompt_jobs() or update_prompt_job_status()';
  end if;
  delete from public.prompt_job_queue q where q.job_id = new.id;
  update public.prompt_generation_jobs j
  set completed_at = coalesce(j.completed_at, clock_timestamp()), updated_at = clock_timestamp(),
    error_code = case when j.status = 'failed' then coalesce(j.error_code, 'failed') end
  where j.id = new.id;
  insert into public.prompt_queue_tally (at, status, jobs)
  values (clock_timestamp(), new.status, 1);
  update public.jobs d
  set prompt_status = case new.status when 'completed' then 'completed' else 'failed' end
  where d.prompt_job_id = new.id;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values
    (new.id, new.user_id, 'unfenced_write', jsonb_build_object('status', new.status)),
    (new.id, new.user_id, new.status, '{}');
  return new;
end
$$;
