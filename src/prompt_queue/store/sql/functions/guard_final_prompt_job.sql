-- The last wall: completed and cancelled never change, failed only by retry or a manual prompt.
create or replace function public.guard_final_prompt_job()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  -- The name under which our functions are seen in pg_stat_activity tells what they are at; settings
  -- of our own invention only a superuser may tie to a function.
  v_act text := current_setting('application_name');
  -- Adopting what a client ended by hand adds the time.
  v_time timestamptz := case when v_act = 'prompt_queue.adopt' and old.completed_at is null
    then new.completed_at else old.completed_at end;
begin
  if old.status = 'failed' and v_act in ('prompt_queue.retry', 'prompt_queue.manual') then
    return new;
  end if;
  if (new.status, new.generated_prompt, new.error, new.completed_at)
    is distinct from (old.status, old.generated_prompt, old.error, v_time) then
    raise exception 'prompt job % is % and does not change', old.id, old.status
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'retry_prompt_job() reopens a failed job; a finished one needs a new job';
  end if;
  return new;
end
$$;
