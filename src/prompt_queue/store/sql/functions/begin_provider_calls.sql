-- Writes the intent of paid calls before a byte leaves. p_calls is an array of
-- {call_id, job_id, lease_token, model, provider, leg, worker, retry_count, pictures, priority,
-- tokens, usd}; tokens and usd are estimates of all that the call will use and cost; the pictures
-- that the call is about are noted in the timeline of the job, once. Verdict per call:
-- granted; lease_lost (the token is not the current one); model_paused; breaker_open (but one call
-- may probe a model whose cool-off is over, for as long as it holds its job); retry_budget (retries
-- are a tenth of a model's answered calls, one in two seconds and 20 at once); outcome_unknown (more
-- than max_retries sends of this job never got an answer, so that another one could buy the same
-- thing again); user_budget (what the user may spend in a day would not cover it, with what other
-- calls of theirs that are under way are expected to cost); rate_limited (the gate of the model has no room within three seconds). Where the
-- model has a gate, a call that is granted may leave at its send_at, see prompt_send_delay; urgent
-- calls come first. A call without retry_count is from a worker that knows of no breaker: to it an open
-- one is a pause.
create or replace function public.begin_provider_calls(p_calls jsonb)
returns table (call_id uuid, verdict text)
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
  v_cool text[];
  v_probed text[];
begin
  -- A statement sees what was committed when it began, so the waits for locks come before it.
  perform public.lock_prompt_purses(p_calls);
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(p_calls) o)
  order by q.job_id
  for update;
  perform 1 from public.picture_jobs p
  where p.id in (
    select (o ->> 'job_id')::uuid from jsonb_array_elements(p_calls) o where o ->> 'leg' = 'picture'
  )
  order by p.id
  for update;
  perform 1 from public.prompt_model_health h
  where h.model in (
    select o ->> 'model' from jsonb_array_elements(p_calls) o where (o ->> 'retry_count')::int > 0
  )
  order by h.model
  for update;
  -- Who finds the row locked sees somebody else's probe: no need to wait for it.
  select array_agg(c.model) into v_cool
  from (
    select h.model from public.prompt_model_health h
    where h.model in (select o ->> 'model' from jsonb_array_elements(p_calls) o)
      and h.state = 'open' and h.open_until <= v_now
    order by h.model
    for update skip locked
  ) c;
  if v_cool is not null then
    select array_agg(h.model) into v_probed
    from public.prompt_model_health h
    where h.model = any (v_cool) and h.state = 'open' and h.open_until <= v_now
      and not exists (
        select from public.provider_calls c
        left join public.prompt_job_queue q on q.job_id = c.job_id
        left join public.picture_jobs p on p.id = c.job_id and c.leg = 'picture'
        where c.call_id = h.probe_call_id and c.state = 'sent'
          and c.lease_token = coalesce(q.lease_token, p.lease_token)
      );
  end if;
  perform public.lock_prompt_gates(
    (select array_agg(distinct o ->> 'model') from jsonb_array_elements(p_calls) o)
  );
  v_now := clock_timestamp();
  return query
  with asked as materialized (
    select *
    from jsonb_to_recordset(p_calls) as c (
      call_id uuid, job_id uuid, lease_token uuid, model text, provider text, leg text, worker text,
      retry_count int, pictures jsonb, priority int, tokens int, usd numeric
    )
  ),
  held as materialized (
    select q.job_id, q.user_id, q.lease_token
    from public.prompt_job_queue q
    where q.job_id in (select a.job_id from asked a)
    order by q.job_id
    for update
  ),
  pictures as materialized (
    select p.id as job_id, p.user_id, p.lease_token, p.retried_at
    from public.picture_jobs p
    where p.id in (select a.job_id from asked a where a.leg = 'picture')
  ),
  allowed as materialized (
    select a.*, coalesce(h.user_id, i.user_id) as user_id, m.state = 'open' as is_open,
      least(20, m.retries_left + 0.5 * greatest(extract(epoch from v_now - m.counted_at), 0))
        as retries_left,
      case
        when (coalesce(h.lease_token, i.lease_token) = a.lease_token) is not true then 'lease_lost'
        when exists (
          select from public.prompt_queue_pauses p where p.model = a.model
        ) then 'model_paused'
        when m.state = 'open' and a.model <> all (coalesce(v_probed, '{}')) then 'breaker_open'
        when (
          select count(*)
          from public.provider_calls c
          where c.job_id = a.job_id and c.leg = coalesce(a.leg, 'prompt')
            and c.call_id <> a.call_id and c.state <> 'answered' and c.started_at > coalesce(j.retried_at, i.retried_at, '-infinity')
          -- A picture costs more than a prompt: it is sent again once.
        ) > coalesce(j.max_retries, 1) then 'outcome_unknown'
        else 'granted'
      end as verdict
    from asked a
    left join held h on h.job_id = a.job_id
    left join pictures i on i.job_id = a.job_id
    left join public.prompt_generation_jobs j on j.id = a.job_id
    left join public.prompt_model_health m on m.model = a.model
  ),
  purses as materialized (
    select u.user_id, p.usd_a_day - public.prompt_user_spent(u.user_id, v_now) as usd_left
    from (select distinct l.user_id from allowed l where l.verdict = 'granted') u
    cross join lateral public.prompt_user_limit(u.user_id) p
    where p.usd_a_day is not null
  ),
  counted as materialized (
    select l.*, w.usd_left,
      sum(coalesce(l.usd, 0)) over (partition by l.user_id, l.verdict order by l.call_id)
        as usd_until,
      row_number() over (partition by l.model, l.verdict order by l.call_id) as nth,
      count(*) filter (where l.retry_count > 0)
        over (partition by l.model, l.verdict order by l.call_id) as nth_retry
    from allowed l
    left join purses w on w.user_id = l.user_id
  ),
  ruled as materialized (
    select c.*,
      case
        -- With nothing left, not even a call of which nobody knows the price.
        when c.verdict = 'granted' and (c.usd_left <= 0 or c.usd_until > c.usd_left)
          then 'user_budget'
        when c.verdict = 'granted' and c.is_open then
          case when c.nth = 1 then 'granted' else 'breaker_open' end
        when c.verdict = 'granted' and c.retry_count > 0 and c.nth_retry > c.retries_left
          then 'retry_budget'
        else c.verdict
      end as ruling
    from counted c
  ),
  gates as materialized (
    select g.model, greatest(g.next_at, g.closed_until, v_now) as free_at,
      make_interval(secs => 1 / public.prompt_gate_rate(g, l.requests_per_second, v_now)) as gap,
      -- A second's worth of tokens may be spent at once.
      greatest(g.tokens_at, v_now - interval '1 second') as tokens_at,
      make_interval(secs => coalesce(60 / l.tokens_per_minute, 0)) as a_token
    from public.prompt_model_gates g
    join public.prompt_model_limits l on l.model = g.model
    where g.model in (select a.model from asked a)
  ),
  paced as materialized (
    select r.*, g.gap, g.tokens_at, g.a_token,
      case when r.ruling = 'granted' then
        greatest(
          g.free_at + g.gap * (count(*) over earlier - 1),
          g.tokens_at + g.a_token * (sum(coalesce(r.tokens, 0)) over earlier - coalesce(r.tokens, 0))
        )
      end as send_at
    from ruled r
    left join gates g on g.model = r.model
    window earlier as (
      partition by r.model, r.ruling = 'granted' order by r.priority desc nulls last, r.call_id
      rows unbounded preceding
    )
  ),
  judged as materialized (
    select p.call_id, p.job_id, p.lease_token, p.model, p.provider, p.leg, p.worker, p.retry_count,
      p.pictures, p.tokens, p.usd, p.user_id, p.is_open, p.retries_left, p.gap, p.tokens_at, p.a_token,
      p.send_at,
      case when p.send_at > v_now + interval '3 seconds' then 'rate_limited' else p.ruling end
        as ruling
    from paced p
  ),
  written as (
    insert into public.provider_calls (
      call_id, job_id, user_id, lease_token, worker, provider, leg, model, send_at,
      estimated_tokens, estimated_usd
    )
    select j.call_id, j.job_id, j.user_id, j.lease_token, j.worker, coalesce(j.provider, 'xai'),
      coalesce(j.leg, 'prompt'), j.model, j.send_at, j.tokens, j.usd
    from judged j
    where j.ruling = 'granted'
    on conflict do nothing
  ),
  looked_at as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select distinct on (j.job_id) j.job_id, j.user_id, 'pictures',
      jsonb_build_object('pictures', j.pictures)
    from judged j
    where j.ruling = 'granted' and j.pictures <> '[]' and not exists (
      select from public.prompt_job_events e
      where e.job_id = j.job_id and e.kind = 'pictures' and e.data -> 'pictures' = j.pictures
    )
    order by j.job_id
  ),
  probing as (
    update public.prompt_model_health m
    set probe_call_id = j.call_id
    from judged j
    where j.ruling = 'granted' and j.is_open and m.model = j.model
  ),
  passing as (
    update public.prompt_model_gates g
    set next_at = p.last_at + p.gap, tokens_at = p.tokens_at + p.a_token * p.tokens
    from (
      select j.model, max(j.send_at) as last_at, min(j.gap) as gap, min(j.tokens_at) as tokens_at,
        min(j.a_token) as a_token, sum(coalesce(j.tokens, 0)) as tokens
      from judged j
      where j.ruling = 'granted' and j.send_at is not null
      group by j.model
    ) p
    where g.model = p.model
  ),
  spent as (
    update public.prompt_model_health m
    set retries_left = s.retries_left - s.retries, counted_at = v_now,
      good = m.good * s.fading, bad = m.bad * s.fading
    from (
      select j.model, min(j.retries_left) as retries_left, count(*) as retries,
        power(0.5, greatest(extract(epoch from v_now - min(h.counted_at)), 0) / 30) as fading
      from judged j
      join public.prompt_model_health h on h.model = j.model
      where j.ruling = 'granted' and j.retry_count > 0 and not j.is_open
      group by j.model
    ) s
    where m.model = s.model
  )
  select j.call_id,
    case when j.ruling = 'breaker_open' and j.retry_count is null then 'model_paused'
      else j.ruling end
  from judged j;
end
$$;
