-- The rate of a gate now: from what was found safe it grows by half a percent of the limit a second,
-- up to the limit, or, where a 429 forbids that for a while, up to the safe share of it.
create or replace function public.prompt_gate_rate(
  p_gate public.prompt_model_gates, p_limit double precision, p_now timestamptz
)
returns double precision
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_safe double precision := public.prompt_safe_rate(p_limit);
  v_grows_since timestamptz := case
    when p_gate.rate >= v_safe then greatest(p_gate.rate_at, p_gate.held_until)
    else p_gate.rate_at
  end;
begin
  return least(
    p_gate.rate + 0.005 * p_limit * greatest(extract(epoch from p_now - v_grows_since), 0),
    case when p_now <= p_gate.held_until then v_safe else p_limit end
  );
end
$$;
