-- Puts a message of type endpoint.test for this endpoint alone into the outbox; returns its id, or
-- null where there is no such endpoint (of p_user_id) or it is disabled.
create or replace function public.test_webhook_endpoint(p_id uuid, p_user_id uuid default null)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_message uuid;
begin
  insert into public.webhook_messages (user_id, endpoint_id, type, subject, payload)
  select e.user_id, e.id, 'endpoint.test', gen_random_uuid(),
    jsonb_build_object('endpointId', e.id, 'sentence', 'This is a test.')
  from public.webhook_endpoints e
  where e.id = p_id and (p_user_id is null or e.user_id = p_user_id) and e.state = 'active'
  returning id into v_message;
  notify prompt_queue;
  return v_message;
end
$$;
