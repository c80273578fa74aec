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
