-- A new secret for an endpoint or, with p_id null, for the webhooks that the user's single requests
-- ask for, made where there is none. The old one signs too for p_grace_seconds. No row: there is no
-- such endpoint (of p_user_id).
create or replace function public.rotate_webhook_secret(
  p_id uuid, p_user_id uuid, p_grace_seconds double precision default 86400
)
returns table (secret text, old_secret_until timestamptz)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_until timestamptz := clock_timestamp() + make_interval(secs => p_grace_seconds);
begin
  if p_id is not null then
    return query
    update public.webhook_endpoints e
    set old_secret = e.secret, old_secret_until = v_until, secret = public.new_webhook_secret(),
      updated_at = clock_timestamp()
    where e.id = p_id and (p_user_id is null or e.user_id = p_user_id)
    returning e.secret, e.old_secret_until;
    return;
  end if;
  return query
  insert into public.webhook_secrets as s (user_id, secret)
  values (p_user_id, public.new_webhook_secret())
  on conflict (user_id) do update
  set old_secret = s.secret, old_secret_until = v_until, secret = excluded.secret,
    created_at = clock_timestamp()
  returning s.secret, s.old_secret_until;
end
$$;
