-- Takes requests out of the bucket of a user for one process: at most p_wanted of p_rate a second,
-- of which p_burst may be there at once. Returns how many were there, how many are left, and in how
-- many seconds the next one will be.
create or replace function public.take_prompt_requests(
  p_user uuid, p_wanted int, p_rate double precision, p_burst double precision
)
returns table (taken int, remaining int, next_seconds double precision)
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_tokens double precision;
  v_taken int;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into public.prompt_user_rates (user_id, tokens)
  values (p_user, p_burst)
  on conflict do nothing;
  select least(
      p_burst,
      r.tokens + p_rate * greatest(extract(epoch from clock_timestamp() - r.counted_at), 0)
    )
  into v_tokens
  from public.prompt_user_rates r
  where r.user_id = p_user
  for update;
  v_now := clock_timestamp();
  v_taken := greatest(least(p_wanted, floor(v_tokens)::int), 0);
  update public.prompt_user_rates r
  set tokens = v_tokens - v_taken, counted_at = v_now
  where r.user_id = p_user;
  return query select v_taken, floor(v_tokens)::int - v_taken,
    greatest((1 - (v_tokens - v_taken)) / p_rate, 0)::double precision;
end
$$;
