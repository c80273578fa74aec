-- Stops the whole queue, or with p_model the calls to one model; jobs that run are finished.
-- Returns false where it was paused already: the first reason is kept.
create or replace function public.pause_prompt_queue(
  p_model text default null, p_reason text default null, p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  insert into public.prompt_queue_pauses (model, reason, actor)
  values (coalesce(p_model, ''), p_reason, p_actor)
  on conflict do nothing;
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason)
  values (p_actor, 'paused', p_model, p_reason);
  return true;
end
$$;
