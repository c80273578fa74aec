-- Seconds until the gate of a model has room for another call; null where it has no gate.
create or replace function public.prompt_gate_wait(p_model text)
returns double precision
language sql
volatile
set search_path = ''
as $$
  select greatest(
    extract(epoch from greatest(g.next_at, g.tokens_at, g.closed_until) - clock_timestamp())::float8, 0
  )
  from public.prompt_model_gates g
  where g.model = p_model
$$;
