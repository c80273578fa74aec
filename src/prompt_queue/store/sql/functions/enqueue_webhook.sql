-- Puts a message for every active endpoint of the user that wants this type into the outbox, in the
-- caller's transaction. Messages of one subject reach one endpoint in the order of these calls.
-- Returns how many there are.
create or replace function public.enqueue_webhook(
  p_user_id uuid, p_type text, p_subject uuid, p_payload jsonb
)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_count int;
begin
  insert into public.webhook_messages (user_id, endpoint_id, type, subject, payload)
  select p_user_id, e.id, p_type, p_subject, p_payload
  from public.webhook_endpoints e
  where e.user_id = p_user_id and e.state = 'active'
    and (e.events = '{}' or p_type = any (e.events));
  get diagnostics v_count = row_count;
  if v_count > 0 then
    notify prompt_queue;
  end if;
  return v_count;
end
$$;
