-- The rate of a gate now: from what was found safe it grows by 5 % of the limit a second up to the
-- safe share of it, and by 0.5 % beyond, where no 429 forbids it.
create or replace function public.prompt_gate_rate(
  p_gate public.prompt_model_gates, p_limit double precision, p_now timestamptz
)
returns double precision
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_gate.rate < public.prompt_safe_rate(p_limit) then
      least(
        p_gate.rate + 0.05 * p_limit * greatest(extract(epoch from p_now - p_gate.rate_at), 0),
        public.prompt_safe_rate(p_limit)
      )
    when p_now <= p_gate.held_until then public.prompt_safe_rate(p_limit)
    else
      least(
        p_gate.rate + 0.005 * p_limit * greatest(
          extract(epoch from p_now - greatest(p_gate.rate_at, p_gate.held_until)), 0
        ),
        p_limit
      )
  end;
end
$$;
