-- What sum_up_prompt_queue() has summed up, and the calls that it has not yet: those of the last
-- minute, or as many as it sums up at once. One name and labels may come twice; their sum counts.
create or replace function public.prompt_queue_counters()
returns table (name text, labels text [], value double precision)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  with next as materialized (
    select c.* from public.provider_calls c
    where c.started_at > (select r.calls_until from public.prompt_queue_totals_read r)
    order by c.started_at
    limit 20000
  ),
  recent as materialized (
    select c.leg, c.model, c.prompt_tokens, c.completion_tokens, c.reasoning_tokens, c.cost_usd,
      case c.state when 'answered' then coalesce(c.error_code, 'ok') else 'unanswered' end as outcome
    from next c
    where c.state <> 'sent'
  )
  select t.name, t.labels, t.value from public.prompt_queue_totals t
  union all
  select 'calls', array[c.leg, c.model, c.outcome], count(*)::float8 from recent c group by 2
  union all
  select 'usd', array[c.leg, c.model], coalesce(sum(c.cost_usd), 0)::float8 from recent c group by 2
  union all
  select 'tokens', array[c.leg, c.model, 'input'], coalesce(sum(c.prompt_tokens), 0)::float8
  from recent c group by 2
  union all
  select 'tokens', array[c.leg, c.model, 'output'],
    coalesce(sum(coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)), 0)::float8
  from recent c group by 2;
end
$$;
