-- Notes that so many jobs were given out, see prompt_claim_room.
create or replace function public.spend_prompt_claim_room(p_model text, p_jobs int)
returns void
language sql
set search_path = ''
as $$
  update public.prompt_model_gates g
  set claims_at = greatest(g.claims_at, clock_timestamp())
    + make_interval(secs => p_jobs / public.prompt_gate_rate(g, l.requests_per_second, clock_timestamp()))
  from public.prompt_model_limits l
  where g.model = p_model and l.model = g.model and p_jobs > 0
$$;
