-- Whether a message is due; an expired lease of one is taken back by the claim.
create or replace function public.webhook_is_due()
returns boolean
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return exists (
    select from public.webhook_messages m
    where m.state = 'waiting' and m.due_at <= clock_timestamp() order by m.due_at limit 1
  ) or exists (
    select from public.webhook_messages m
    where m.state = 'sending' and m.lease_until < clock_timestamp() order by m.lease_until limit 1
  );
end
$$;
