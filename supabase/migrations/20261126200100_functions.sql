-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> create_prompt_api_key
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
-- <<< create_prompt_api_key

-- >>> revoke_prompt_api_key
-- The key opens no more, at once and for good. Returns false where there is none, or no more.
create or replace function public.revoke_prompt_api_key(
  p_prefix text, p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.prompt_api_keys k
  set revoked_at = clock_timestamp(), old_digest = null, old_until = null
  where k.prefix = p_prefix and k.revoked_at is null;
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, reason)
  values (p_actor, 'key_revoked', p_prefix);
  return true;
end
$$;
-- <<< revoke_prompt_api_key

-- >>> rotate_prompt_api_key
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
-- <<< rotate_prompt_api_key

-- >>> touch_prompt_api_key
-- The key was used; written down at most once a minute.
create or replace function public.touch_prompt_api_key(p_prefix text)
returns boolean
language sql
set search_path = ''
as $$
  with touched as (
    update public.prompt_api_keys k
    set last_used_at = clock_timestamp()
    where k.prefix = p_prefix
      and (k.last_used_at is null or k.last_used_at < clock_timestamp() - interval '1 minute')
    returning 1
  )
  select exists (select from touched)
$$;
-- <<< touch_prompt_api_key
