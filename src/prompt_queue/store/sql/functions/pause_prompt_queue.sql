-- Stops the whole queue, with p_model the calls to one model, or with p_from and p_to the jobs of
-- these priorities, pictures too; jobs that run are finished. Returns false where it was paused
-- already: the first reason is kept.
create or replace function public.pause_prompt_queue(
  p_model text default null, p_reason text default null, p_actor text default 'operator',
  p_from int default null, p_to int default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if p_from is null and p_to is null then
    insert into public.prompt_queue_pauses (model, reason, actor)
    values (coalesce(p_model, ''), p_reason, p_actor)
    on conflict do nothing;
  elsif p_model is not null or (p_from between 1 and 10 and p_to between p_from and 10) is not true then
    raise exception 'pause a model, or priorities from 1 to 10'
      using errcode = 'invalid_parameter_value';
  else
    insert into public.prompt_queue_paused_priorities (priority, reason, actor, paused_at)
    select p.priority, p_reason, p_actor, v_now from generate_series(p_from, p_to) as p (priority)
    on conflict do nothing;
  end if;
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason, about)
  values (p_actor, 'paused', p_model, p_reason, 'priorities ' || p_from || ' to ' || p_to);
  return true;
end
$$;
