-- Tells the gates how calls ended. p_ends is an array of {model, error_code, retry_after, good,
-- estimated, tokens, sent_at}. What a call used beyond its estimate is owed, what it did not use is given
-- back. A 429 closes the gate for all: for as long as the provider asks (up to 5 minutes), else for
-- a quarter of a second, twice as long each time until a call succeeds (up to 1.5 s). The rate is
-- lowered where it is known that others got through: to the safe share of the limit, and by 5 %
-- where that was too much within the last half minute.
create or replace function public.settle_prompt_gates(p_ends jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_models text[];
  v_now timestamptz;
begin
  select array_agg(distinct e ->> 'model') into v_models from jsonb_array_elements(p_ends) e;
  if not public.lock_prompt_gates(v_models) then
    return;
  end if;
  v_now := clock_timestamp();
  update public.prompt_model_gates g
  set tokens_at = g.tokens_at + make_interval(
      secs => case when s.per_second > 0 then s.owed / s.per_second else 0 end
    ),
    rate = case when s.is_new and g.heard then
        case when g.held_until > v_now + interval '570 seconds'
          then greatest(0.95 * s.rate, 0.01 * s.most) else least(s.rate, s.safe) end
      else s.rate end,
    rate_at = v_now,
    held_until = case when s.is_new and g.heard then v_now + interval '10 minutes'
      else g.held_until end,
    refusals = case when s.is_new then g.refusals + 1 when s.any_good then 0 else g.refusals end,
    heard = s.any_good or g.heard and not s.is_new,
    closed_until = case
      when s.retry_after is not null then
        greatest(g.closed_until, v_now + make_interval(secs => least(s.retry_after, 300)))
      when s.is_new then
        greatest(
          g.closed_until,
          v_now + make_interval(secs => least(0.25 * power(2, least(g.refusals, 10)), 1.5))
        )
      else g.closed_until
    end
  from (
    select o.model, l.requests_per_second as most, l.tokens_per_minute / 60 as per_second,
      public.prompt_gate_rate(o, l.requests_per_second, v_now) as rate,
      public.prompt_safe_rate(l.requests_per_second) as safe,
      coalesce(sum(e.tokens - e.estimated), 0) as owed,
      -- One that left before the gate closed says nothing about what came after.
      coalesce(bool_or(e.good and e.sent_at >= o.closed_until), false) as any_good,
      -- What was under way when the gate closed says nothing new.
      coalesce(bool_or(e.error_code = 'rate_limited'), false) and o.closed_until <= v_now
        as is_new,
      max(e.retry_after) filter (where e.error_code = 'rate_limited') as retry_after
    from jsonb_to_recordset(p_ends) as e (
      model text, error_code text, retry_after double precision, good boolean, estimated int,
      tokens int, sent_at timestamptz
    )
    join public.prompt_model_gates o on o.model = e.model
    join public.prompt_model_limits l on l.model = o.model
    group by o.model, o.*, l.requests_per_second, l.tokens_per_minute
  ) s
  where g.model = s.model;
end
$$;
