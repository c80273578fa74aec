-- Lets the whole queue, with p_model the calls to one model, or with p_from and p_to the jobs of
-- these priorities go on; wakes the workers. Each pause is by itself: a priority that is paused
-- stays so when the queue goes on. Returns false where nothing was paused.
create or replace function public.resume_prompt_queue(
  p_model text default null, p_actor text default 'operator',
  p_from int default null, p_to int default null, p_reason text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if p_from is null and p_to is null then
    delete from public.prompt_queue_pauses p where p.model = coalesce(p_model, '');
  elsif p_model is not null or p_from is null or p_to is null then
    raise exception 'resume a model, or priorities from 1 to 10'
      using errcode = 'invalid_parameter_value';
  else
    delete from public.prompt_queue_paused_priorities p where p.priority between p_from and p_to;
  end if;
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason, about)
  values (p_actor, 'resumed', p_model, p_reason, 'priorities ' || p_from || ' to ' || p_to);
  notify prompt_queue;
  return true;
end
$$;
