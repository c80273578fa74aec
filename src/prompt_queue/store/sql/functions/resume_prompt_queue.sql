-- Lets the whole queue, or with p_model the calls to one model, go on; wakes the workers.
-- Returns false where nothing was paused.
create or replace function public.resume_prompt_queue(
  p_model text default null, p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_queue_pauses p where p.model = coalesce(p_model, '');
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model) values (p_actor, 'resumed', p_model);
  notify prompt_queue;
  return true;
end
$$;
