-- A key of a server, of which only the digest is known here. p_seconds: how long it opens, null for
-- ever. Who asks again because the answer was lost gets the same row; no row: the prefix is taken.
create or replace function public.create_prompt_api_key(
  p_prefix text, p_digest bytea, p_name text, p_user_id uuid, p_scopes text[],
  p_seconds double precision default null, p_actor text default 'operator'
)
returns setof public.prompt_api_keys
language plpgsql
set search_path = ''
as $$
begin
  insert into public.prompt_api_keys (prefix, digest, name, user_id, scopes, expires_at)
  values (
    p_prefix, p_digest, p_name, p_user_id, p_scopes,
    clock_timestamp() + make_interval(secs => p_seconds)
  )
  on conflict (prefix) do nothing;
  if found then
    insert into public.prompt_operator_log (actor, act, reason)
    values (p_actor, 'key_created', p_prefix || ' ' || p_name);
  end if;
  return query
  select k.* from public.prompt_api_keys k where k.prefix = p_prefix and k.digest = p_digest;
end
$$;
