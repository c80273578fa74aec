-- Calls within the last minute by model, of the newest 20,000.
create or replace function public.prompt_permits_used()
returns table (model text, used bigint)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select c.model, count(*)
  from (
    select r.model from public.provider_calls r
    where r.started_at > (select clock_timestamp() - interval '1 minute')
    order by r.started_at desc limit 20000
  ) c
  group by c.model
$$;
