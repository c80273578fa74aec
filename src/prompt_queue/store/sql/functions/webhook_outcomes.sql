-- How many messages ended how since the beginning, and how many are open now.
create or replace function public.webhook_outcomes()
returns table (outcome text, messages bigint)
language sql
stable
set search_path = ''
as $$
  select o.outcome, coalesce((
    select sum(t.messages) from public.webhook_tally t where t.outcome = o.outcome
  ), 0)::bigint
  from (values ('delivered'), ('exhausted'), ('disabled')) o (outcome)
  union all
  select 'pending', count(*) from public.webhook_messages m where m.state in ('waiting', 'sending')
$$;
