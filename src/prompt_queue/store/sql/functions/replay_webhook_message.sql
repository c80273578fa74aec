-- Sends a message again under its own id, with all its tries; one that waits is sent at once. With
-- p_user_id one of somebody else counts as missing. Returns replayed, sending (it is under way),
-- disabled (its endpoint is) or not_found.
create or replace function public.replay_webhook_message(p_id uuid, p_user_id uuid default null)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_is public.webhook_messages;
begin
  select m.* into v_is from public.webhook_messages m
  where m.id = p_id and (p_user_id is null or m.user_id = p_user_id)
  for update;
  if not found then
    return 'not_found';
  elsif v_is.state = 'sending' then
    return 'sending';
  elsif exists (
    select from public.webhook_endpoints e
    where e.id = v_is.endpoint_id and e.state = 'disabled'
  ) then
    return 'disabled';
  end if;
  update public.webhook_messages m
  set state = 'waiting', due_at = clock_timestamp(), ended_at = null,
    first_try = case when m.state = 'waiting' then m.first_try else m.tries end
  where m.id = p_id;
  notify prompt_queue;
  return 'replayed';
end
$$;
