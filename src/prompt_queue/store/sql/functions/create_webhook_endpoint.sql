-- A new endpoint of a user with a secret of its own, at most p_most a user; no row: there are as many.
create or replace function public.create_webhook_endpoint(
  p_user_id uuid, p_url text, p_events text[], p_description text default null, p_most int default 20
)
returns setof public.webhook_endpoints
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('prompt_queue.webhook_endpoints ' || p_user_id, 0));
  return query
  insert into public.webhook_endpoints (user_id, url, events, description, secret)
  select p_user_id, p_url, coalesce(p_events, '{}'), p_description, public.new_webhook_secret()
  where (select count(*) from public.webhook_endpoints e where e.user_id = p_user_id) < p_most
  returning *;
end
$$;
