-- The right to be the only one who does p_name for p_seconds: a token, or null if another has it.
-- Who brings the token may ask again when the answer was lost.
create or replace function public.take_prompt_singleton(
  p_name text, p_seconds double precision, p_token uuid default gen_random_uuid()
)
returns uuid
language sql
set search_path = ''
as $$
  insert into public.prompt_queue_singletons as s (name, token, lease_until)
  values (p_name, p_token, clock_timestamp() + make_interval(secs => p_seconds))
  on conflict (name) do update
  set token = excluded.token, lease_until = excluded.lease_until
  where s.lease_until < clock_timestamp() or s.token = excluded.token
  returning s.token
$$;
