-- How many of p_limit jobs may be given out now: no more than the gate of their first model can
-- send within a second, so that what has to wait waits in the queue, where whoever is free finds
-- it. All of them where the model has no gate. Locks the gate; see spend_prompt_claim_room.
create or replace function public.prompt_claim_room(p_model text, p_limit int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_room int;
begin
  if p_model is null or not public.lock_prompt_gates(array[p_model]) then
    return p_limit;
  end if;
  v_now := clock_timestamp();
  select ceil(
      extract(epoch from v_now + interval '1 second'
        -- Who is behind with sending has no room for more.
        - greatest(g.claims_at, g.closed_until, g.tokens_at, v_now))
      * public.prompt_gate_rate(g, l.requests_per_second, v_now)
    )
  into v_room
  from public.prompt_model_gates g
  join public.prompt_model_limits l on l.model = g.model
  where g.model = p_model;
  return greatest(least(coalesce(v_room, p_limit), p_limit), 0);
end
$$;
