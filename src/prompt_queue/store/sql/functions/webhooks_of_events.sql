-- Hands final events over to enqueue_job_webhooks() in the transaction that writes them: event and
-- message are there together or not at all. Where nobody wants to be told, this is a look at two empty
-- tables.
create or replace function public.webhooks_of_events()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if exists (select from public.webhook_endpoints e where e.state = 'active')
    or exists (select from public.webhook_requests r) then
    perform public.enqueue_job_webhooks(
      array_agg(w.job_id), array_agg(w.user_id), array_agg(w.kind)
    )
    from written w
    where w.kind in (
        'completed', 'failed', 'cancelled', 'picture_succeeded', 'picture_failed', 'picture_cancelled'
      )
      or w.kind = 'picture_lease_lost' and w.data ->> 'status' = 'failed'
    having count(*) > 0;
  end if;
  return null;
end
$$;
