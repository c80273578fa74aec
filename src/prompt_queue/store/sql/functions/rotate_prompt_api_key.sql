-- A new secret for a key that opens; the old one opens too for p_grace_seconds. Its end stays. May
-- be repeated. No row: there is no such key, or it opens no more.
create or replace function public.rotate_prompt_api_key(
  p_prefix text, p_digest bytea, p_grace_seconds double precision default 86400,
  p_actor text default 'operator'
)
returns setof public.prompt_api_keys
language plpgsql
set search_path = ''
as $$
begin
  update public.prompt_api_keys k
  set old_digest = k.digest,
    old_until = clock_timestamp() + make_interval(secs => p_grace_seconds),
    digest = p_digest
  where k.prefix = p_prefix and k.digest <> p_digest and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > clock_timestamp());
  if found then
    insert into public.prompt_operator_log (actor, act, reason)
    values (p_actor, 'key_rotated', p_prefix);
  end if;
  return query
  select k.* from public.prompt_api_keys k where k.prefix = p_prefix and k.digest = p_digest;
end
$$;
