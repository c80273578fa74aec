-- The newest submit of a picture is known to have bought it, for p_cost_usd; 0: it failed there, and
-- was given back.
create or replace function public.resolve_picture_call(p_picture_id uuid, p_cost_usd numeric)
returns void
language sql
set search_path = ''
as $$
  update public.provider_calls c
  set state = 'answered', error_code = null, ended_at = coalesce(c.ended_at, clock_timestamp()),
    cost_usd = case when p_cost_usd = 0 then 0 else coalesce(c.cost_usd, p_cost_usd) end
  where c.call_id = (
    select l.call_id from public.provider_calls l
    where l.job_id = p_picture_id and l.leg = 'picture' and l.error_code is distinct from 'not_sent'
    order by l.started_at desc
    limit 1
  ) and (c.state <> 'answered' or c.cost_usd is null or p_cost_usd = 0)
$$;
