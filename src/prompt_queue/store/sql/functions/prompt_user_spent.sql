-- USD that count against the budget of a user for the UTC day of p_now: what calls cost, and what
-- those were expected to cost of which that is not known. An answer that is an error costs nothing,
-- unless the provider says so.
create or replace function public.prompt_user_spent(p_user uuid, p_now timestamptz)
returns numeric
language sql
stable
set search_path = ''
as $$
  select coalesce(sum(
    case
      when c.cost_usd is not null then c.cost_usd
      when c.state = 'answered' and c.error_code is not null then 0
      else coalesce(c.estimated_usd, 0)
    end
  ), 0)
  from public.provider_calls c
  where c.user_id = p_user
    and c.started_at >= date_trunc('day', p_now at time zone 'utc') at time zone 'utc'
$$;
