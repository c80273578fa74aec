-- Requests a second at which a provider that counts strictly in any second of time sees no more
-- than its limit, with 15 ms of jitter on each side: two requests a second less, and 3 %.
create or replace function public.prompt_safe_rate(p_limit double precision)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select p_limit * greatest(0.97 - 2 / p_limit, 0.5)
$$;
