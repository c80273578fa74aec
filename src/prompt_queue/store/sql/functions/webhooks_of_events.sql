-- Hands final events over to enqueue_job_webhooks() in the transaction that writes them: event and
-- message are there together or not at all. Other events cost a look at themselves, and final ones,
-- where nobody wants to be told, a look into two empty indexes.
create or replace function public.webhooks_of_events()
returns trigger
language plpgsql
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_jobs uuid[];
  v_users uuid[];
  v_kinds text[];
begin
  select array_agg(w.job_id), array_agg(w.user_id), array_agg(w.kind)
  into v_jobs, v_users, v_kinds
  from written w
  where w.kind in (
      'completed', 'failed', 'cancelled', 'picture_succeeded', 'picture_failed', 'picture_cancelled'
    )
    or w.kind = 'picture_lease_lost' and w.data ->> 'status' = 'failed';
  if v_jobs is not null and (
    exists (select from public.webhook_endpoints e where e.state = 'active' limit 1)
    or exists (select from public.webhook_requests r limit 1)
  ) then
    perform public.enqueue_job_webhooks(v_jobs, v_users, v_kinds);
  end if;
  return null;
end
$$;
