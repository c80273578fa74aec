-- The cost of the day in UTC, by leg, provider and model: the sums of prompt_queue_spend and, call by
-- call, those of the last quarter of an hour, which are not in them yet.
create or replace function public.prompt_spend_today()
returns table (
  leg text, provider text, model text, calls bigint, unresolved bigint, usd numeric,
  input_tokens bigint, output_tokens bigint
)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select s.leg, s.provider, s.model, sum(s.calls)::bigint, sum(s.unresolved)::bigint, sum(s.usd),
    sum(s.input_tokens)::bigint, sum(s.output_tokens)::bigint
  from (
    select d.leg, d.provider, d.model, d.calls, d.unresolved, d.usd, d.input_tokens,
      d.output_tokens
    from public.prompt_queue_spend d
    where d.day = (clock_timestamp() at time zone 'UTC')::date
    union all
    select c.leg, c.provider, c.model, 1, (c.state = 'unanswered')::int, coalesce(c.cost_usd, 0),
      coalesce(c.prompt_tokens, 0),
      coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)
    from public.provider_calls c
    where c.started_at > (
      select greatest(r.calls_until, date_trunc('day', clock_timestamp(), 'UTC') - interval '1 us')
      from public.prompt_queue_totals_read r
    )
  ) s
  group by s.leg, s.provider, s.model
  order by sum(s.usd) desc, s.model
$$;
