-- Puts the lines of webhook_tally together, one an outcome. Returns how many lines were read; whoever
-- reads or writes at the same time sees the sums unchanged.
create or replace function public.compact_webhook_tally()
returns bigint
language sql
set search_path = ''
as $$
  with taken as (
    delete from public.webhook_tally returning outcome, messages
  ),
  summed as (
    insert into public.webhook_tally (outcome, messages)
    select t.outcome, sum(t.messages) from taken t group by t.outcome
  )
  select count(*) from taken
$$;
