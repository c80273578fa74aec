-- Opens a model's breaker by hand, for p_seconds or (null) until it is closed, or closes it and
-- forgets the faults that were counted; what waited for it looks again at once. Returns false where it stood so already, by hand too.
create or replace function public.set_prompt_breaker(
  p_model text,
  p_open boolean,
  p_seconds double precision default null,
  p_reason text default null,
  p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if coalesce(trim(p_model), '') = '' or p_seconds <= 0 then
    raise exception 'name a model, and more than 0 seconds'
      using errcode = 'invalid_parameter_value';
  end if;
  insert into public.prompt_model_health (model) values (p_model) on conflict do nothing;
  update public.prompt_model_health h
  set state = case when p_open then 'open' else 'closed' end,
    by_hand = p_open,
    cause = case when p_open then coalesce(p_reason, 'opened by hand') end,
    opened_at = case when p_open and h.state = 'closed' then v_now else h.opened_at end,
    open_until = case when p_open then v_now + make_interval(secs => p_seconds) end,
    closed_at = case when p_open then h.closed_at else v_now end,
    openings = 0, probe_call_id = null, good = 0, bad = 0, retries_left = 20, counted_at = v_now
  where h.model = p_model
    and (
      (h.state = 'open') <> p_open
      or p_open and (not h.by_hand or p_seconds is not null or h.open_until is not null)
    );
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason)
  values (p_actor, case when p_open then 'opened' else 'closed' end, p_model, p_reason);
  if not p_open then
    perform public.wake_parked_prompt_jobs();
  end if;
  return true;
end
$$;
