-- Carries how calls ended into the breakers of their models. p_ends is an array of {call_id, model,
-- breaker, error_code}; breaker is good, bad, or trip for what no further call can mend. A closed
-- breaker opens at once for a trip, or where of at least five calls (half-life 30 s) half were bad;
-- an open one is closed or opened anew by its probe alone. The cool-off doubles with each opening,
-- from 5 s to 60 s (trip: 30 s to 300 s), and is drawn from its upper half. What was opened by hand
-- until further notice stays so.
create or replace function public.judge_prompt_models(p_ends jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_works_again boolean;
begin
  insert into public.prompt_model_health (model)
  select distinct e ->> 'model' from jsonb_array_elements(p_ends) e
  where not exists (select from public.prompt_model_health h where h.model = e ->> 'model')
  on conflict do nothing;
  -- A statement sees what was committed when it began, so the wait for the lock comes before it.
  perform 1 from public.prompt_model_health h
  where h.model in (select e ->> 'model' from jsonb_array_elements(p_ends) e)
  order by h.model
  for update;
  with ended as materialized (
    select e.model, count(*) filter (where e.breaker = 'good') as good,
      count(*) filter (where e.breaker in ('bad', 'trip')) as bad,
      max(e.error_code) filter (where e.breaker = 'trip') as trip,
      max(e.error_code) filter (where e.breaker = 'bad') as fault,
      max(e.breaker) filter (where e.call_id = h.probe_call_id) as probe
    from jsonb_to_recordset(p_ends) as e (
      call_id uuid, model text, breaker text, error_code text
    )
    join public.prompt_model_health h on h.model = e.model
    group by e.model
  ),
  counted as materialized (
    select h.model, h.state, h.opened_at, h.openings, h.closed_at, e.trip, e.fault,
      h.good * c.fading + e.good as good, h.bad * c.fading + e.bad as bad,
      least(20, h.retries_left + 0.5 * c.seconds + 0.1 * e.good) as retries_left,
      -- What the probe found is older than what somebody has decided by hand.
      case when h.state = 'open' and h.open_until is not null then e.probe end as probe
    from ended e
    join public.prompt_model_health h on h.model = e.model
    cross join lateral (
      select greatest(extract(epoch from v_now - h.counted_at)::float8, 0)
    ) as t (seconds)
    cross join lateral (select t.seconds, power(0.5, t.seconds / 30)) as c (seconds, fading)
  ),
  judged as materialized (
    select c.*,
      case
        when c.state = 'open' and c.probe = 'good' then 'closed'
        when c.state = 'open' and c.probe in ('bad', 'trip') then 'opened'
        when c.state = 'closed' and c.trip is not null then 'opened'
        when c.state = 'closed' and c.fault is not null and c.good + c.bad >= 5
          and c.bad >= 0.5 * (c.good + c.bad) then 'opened'
      end as act,
      case
        when c.state = 'open' or c.closed_at > v_now - interval '2 minutes' then c.openings + 1
        else 1
      end as nth
    from counted c
  ),
  changed as (
    update public.prompt_model_health h
    set state = case j.act when 'opened' then 'open' when 'closed' then 'closed' else h.state end,
      by_hand = h.by_hand and j.act is null,
      cause = case j.act when 'opened' then coalesce(j.trip, j.fault, h.cause)
        when 'closed' then null else h.cause end,
      opened_at = case when j.act = 'opened' and j.state = 'closed' then v_now else h.opened_at end,
      open_until = case j.act
        when 'opened' then v_now + make_interval(secs => (0.5 + random() / 2)
          * case when j.trip is null then least(5 * power(2, least(j.nth, 10) - 1), 60)
            else least(30 * power(2, least(j.nth, 10) - 1), 300) end)
        when 'closed' then null else h.open_until end,
      closed_at = case j.act when 'closed' then v_now else h.closed_at end,
      openings = case j.act when 'opened' then j.nth else h.openings end,
      probe_call_id = case when j.probe is not null then null else h.probe_call_id end,
      good = case j.act when 'closed' then 1 else j.good end,
      bad = case j.act when 'closed' then 0 else j.bad end,
      retries_left = j.retries_left, counted_at = v_now
    from judged j
    where h.model = j.model
  ),
  noted as (
    insert into public.prompt_operator_log (actor, act, model, reason)
    select 'breaker', j.act, j.model, coalesce(j.trip, j.fault)
    from judged j
    where j.act = 'closed' or j.act = 'opened' and j.state = 'closed'
  )
  select bool_or(j.act = 'closed') into v_works_again from judged j;
  if v_works_again then
    perform public.wake_parked_prompt_jobs();
  end if;
end
$$;
