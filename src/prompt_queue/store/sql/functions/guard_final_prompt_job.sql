-- The last wall: completed and cancelled never change, failed only by retry or a manual prompt.
create or replace function public.guard_final_prompt_job()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  v_act text := coalesce(current_setting('prompt_queue.act', true), '');
  -- Adopting what a client ended by hand adds the time.
  v_time timestamptz := case when v_act = 'adopt' and old.completed_at is null
    then new.completed_at else old.completed_at end;
begin
  if old.status = 'failed' and v_act in ('retry', 'manual') then
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
