-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> begin_provider_calls
-- Writes the intent of paid calls before a byte leaves. p_calls is an array of
-- {call_id, job_id, lease_token, model, provider, leg, worker, retry_count, pictures, priority,
-- tokens}; tokens is an estimate of all that the call will use; the pictures
-- that the call is about are noted in the timeline of the job, once. Verdict per call:
-- granted; lease_lost (the token is not the current one); model_paused; breaker_open (but one call
-- may probe a model whose cool-off is over, for as long as it holds its job); retry_budget (retries
-- are a tenth of a model's answered calls, one in two seconds and 20 at once); outcome_unknown (more
-- than max_retries sends of this job never got an answer, so that another one could buy the same
-- thing again); rate_limited (the gate of the model has no room within three seconds). Where the
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
  -- A statement sees what was committed when it began, so the wait for the lock comes before it.
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(p_calls) o)
  order by q.job_id
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
        join public.prompt_job_queue q on q.job_id = c.job_id and q.lease_token = c.lease_token
        where c.call_id = h.probe_call_id and c.state = 'sent'
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
      retry_count int, pictures jsonb, priority int, tokens int
    )
  ),
  held as materialized (
    select q.job_id, q.user_id, q.lease_token
    from public.prompt_job_queue q
    where q.job_id in (select a.job_id from asked a)
    order by q.job_id
    for update
  ),
  allowed as materialized (
    select a.*, h.user_id, m.state = 'open' as is_open,
      least(20, m.retries_left + 0.5 * greatest(extract(epoch from v_now - m.counted_at), 0))
        as retries_left,
      case
        when h.lease_token is null or h.lease_token <> a.lease_token then 'lease_lost'
        when exists (
          select from public.prompt_queue_pauses p where p.model = a.model
        ) then 'model_paused'
        when m.state = 'open' and a.model <> all (coalesce(v_probed, '{}')) then 'breaker_open'
        when (
          select count(*)
          from public.provider_calls c
          where c.job_id = a.job_id and c.leg = coalesce(a.leg, 'prompt')
            and c.call_id <> a.call_id and c.state <> 'answered' and c.started_at > coalesce(j.retried_at, '-infinity')
        ) > j.max_retries then 'outcome_unknown'
        else 'granted'
      end as verdict
    from asked a
    left join held h on h.job_id = a.job_id
    left join public.prompt_generation_jobs j on j.id = a.job_id
    left join public.prompt_model_health m on m.model = a.model
  ),
  counted as materialized (
    select l.*,
      row_number() over (partition by l.model, l.verdict order by l.call_id) as nth,
      count(*) filter (where l.retry_count > 0)
        over (partition by l.model, l.verdict order by l.call_id) as nth_retry
    from allowed l
  ),
  ruled as materialized (
    select c.*,
      case
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
      p.pictures, p.tokens, p.user_id, p.is_open, p.retries_left, p.gap, p.tokens_at, p.a_token,
      p.send_at,
      case when p.send_at > v_now + interval '3 seconds' then 'rate_limited' else p.ruling end
        as ruling
    from paced p
  ),
  written as (
    insert into public.provider_calls (
      call_id, job_id, user_id, lease_token, worker, provider, leg, model, send_at,
      estimated_tokens
    )
    select j.call_id, j.job_id, j.user_id, j.lease_token, j.worker, coalesce(j.provider, 'xai'),
      coalesce(j.leg, 'prompt'), j.model, j.send_at, j.tokens
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
-- <<< begin_provider_calls

-- >>> end_provider_calls
-- Writes how paid calls ended. p_calls is an array of {call_id, answered, http_status, error_code,
-- served_model, breaker, redirected, retry_after, prompt_tokens, completion_tokens, reasoning_tokens,
-- image_tokens, cached_tokens, cost_usd}; breaker is what the ending says about the model, see
-- judge_prompt_models, redirected that another model answered, retry_after (seconds) what a 429 asks
-- for, see settle_prompt_gates. A call that has its ending keeps it.
-- Returns how many were written.
create or replace function public.end_provider_calls(p_calls jsonb)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_count int;
  v_telling jsonb;
  v_redirected text[];
  v_passed jsonb;
begin
  with ended as (
    update public.provider_calls c
    set state = case when e.answered then 'answered' else 'unanswered' end,
      http_status = e.http_status, error_code = e.error_code, served_model = e.served_model,
      prompt_tokens = e.prompt_tokens, completion_tokens = e.completion_tokens,
      reasoning_tokens = e.reasoning_tokens, image_tokens = e.image_tokens,
      cached_tokens = e.cached_tokens, cost_usd = e.cost_usd, ended_at = clock_timestamp()
    from jsonb_to_recordset(p_calls) as e (
      call_id uuid, answered boolean, http_status int, error_code text, served_model text,
      breaker text, redirected boolean, retry_after double precision, prompt_tokens int, completion_tokens int,
      reasoning_tokens int, image_tokens int, cached_tokens int, cost_usd numeric
    )
    where c.call_id = e.call_id and c.state = 'sent'
    returning c.call_id, c.model, e.breaker, e.error_code, e.redirected, e.retry_after,
      c.estimated_tokens,
      -- One that got no answer may have used what was expected of it.
      case when e.answered then
        coalesce(e.prompt_tokens, 0) + coalesce(e.completion_tokens, 0)
          + coalesce(e.reasoning_tokens, 0)
      else c.estimated_tokens end as tokens
  )
  select count(*),
    jsonb_agg(jsonb_build_object('call_id', d.call_id, 'model', d.model, 'breaker', d.breaker,
      'error_code', d.error_code)) filter (where d.breaker is not null),
    array_agg(d.model) filter (where d.redirected),
    jsonb_agg(jsonb_build_object('model', d.model, 'error_code', d.error_code,
      'retry_after', d.retry_after, 'good', d.breaker = 'good', 'estimated', d.estimated_tokens,
      'tokens', d.tokens))
  into v_count, v_telling, v_redirected, v_passed
  from ended d;
  if v_telling is not null then
    perform public.judge_prompt_models(v_telling);
  end if;
  if v_redirected is not null then
    update public.prompt_model_health h
    set redirected = h.redirected + r.times
    from (select m.model, count(*) from unnest(v_redirected) as m (model) group by m.model)
      as r (model, times)
    where h.model = r.model;
  end if;
  if v_passed is not null then
    perform public.settle_prompt_gates(v_passed);
  end if;
  return v_count;
end
$$;
-- <<< end_provider_calls

-- >>> lock_prompt_gates
-- Locks the gates of those of the models that have a limit, for the rest of the transaction. One
-- that is missing (new, or lost in a crash) is made so that it starts paced.
create or replace function public.lock_prompt_gates(p_models text[])
returns boolean
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if not exists (
    select from public.prompt_model_limits l
    where l.model = any (p_models) and l.requests_per_second is not null
  ) then
    return false;
  end if;
  insert into public.prompt_model_gates (model, rate)
  select l.model, public.prompt_safe_rate(l.requests_per_second)
  from public.prompt_model_limits l
  where l.model = any (p_models) and l.requests_per_second is not null
    and not exists (select from public.prompt_model_gates g where g.model = l.model)
  order by l.model
  on conflict do nothing;
  perform 1 from public.prompt_model_gates g
  where g.model = any (p_models)
  order by g.model
  for update;
  return true;
end
$$;
-- <<< lock_prompt_gates

-- >>> prompt_claim_room
-- How many of p_limit jobs may be given out now: no more than the gate of their first model can
-- send within a second, so that what has to wait waits in the queue, where whoever is free finds
-- it. All of them where the model has no gate. Locks the gate; see spend_prompt_claim_room.
create or replace function public.prompt_claim_room(p_model text, p_limit int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_room int;
begin
  if p_model is null or not public.lock_prompt_gates(array[p_model]) then
    return p_limit;
  end if;
  v_now := clock_timestamp();
  select ceil(
      extract(epoch from v_now + interval '1 second'
        -- Who is behind with sending has no room for more.
        - greatest(g.claims_at, g.closed_until, g.tokens_at, v_now))
      * public.prompt_gate_rate(g, l.requests_per_second, v_now)
    )
  into v_room
  from public.prompt_model_gates g
  join public.prompt_model_limits l on l.model = g.model
  where g.model = p_model;
  return greatest(least(coalesce(v_room, p_limit), p_limit), 0);
end
$$;
-- <<< prompt_claim_room

-- >>> prompt_gate_rate
-- The rate of a gate now: from what was found safe it grows by half a percent of the limit a second,
-- up to the limit, or, where a 429 forbids that for a while, up to the safe share of it.
create or replace function public.prompt_gate_rate(
  p_gate public.prompt_model_gates, p_limit double precision, p_now timestamptz
)
returns double precision
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_safe double precision := public.prompt_safe_rate(p_limit);
  v_grows_since timestamptz := case
    when p_gate.rate >= v_safe then greatest(p_gate.rate_at, p_gate.held_until)
    else p_gate.rate_at
  end;
begin
  return least(
    p_gate.rate + 0.005 * p_limit * greatest(extract(epoch from p_now - v_grows_since), 0),
    case when p_now <= p_gate.held_until then v_safe else p_limit end
  );
end
$$;
-- <<< prompt_gate_rate

-- >>> prompt_gate_wait
-- Seconds until the gate of a model has room for another call; null where it has no gate.
create or replace function public.prompt_gate_wait(p_model text)
returns double precision
language sql
volatile
set search_path = ''
as $$
  select greatest(
    extract(epoch from greatest(g.next_at, g.tokens_at, g.closed_until) - clock_timestamp())::float8, 0
  )
  from public.prompt_model_gates g
  where g.model = p_model
$$;
-- <<< prompt_gate_wait

-- >>> prompt_safe_rate
-- Requests a second at which a provider that counts strictly in any second of time sees no more
-- than its limit, with 15 ms of jitter on each side: two requests a second less, and 3 %.
create or replace function public.prompt_safe_rate(p_limit double precision)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select p_limit * greatest(0.97 - 2 / p_limit, 0.5)
$$;
-- <<< prompt_safe_rate

-- >>> prompt_send_delay
-- Seconds until a call that was granted may leave; null where its model has no gate.
create or replace function public.prompt_send_delay(p_call_id uuid)
returns double precision
language sql
volatile
set search_path = ''
as $$
  select greatest(extract(epoch from c.send_at - clock_timestamp())::float8, 0)
  from public.provider_calls c
  where c.call_id = p_call_id and c.send_at is not null
$$;
-- <<< prompt_send_delay

-- >>> set_prompt_limit
-- The limits of a model: from the settings of a process, which give way to what an operator has
-- set, or by hand. p_requests_per_second null means no limit. Returns whether something
-- changed.
create or replace function public.set_prompt_limit(
  p_model text,
  p_requests_per_second double precision,
  p_tokens_per_minute double precision default null,
  p_by_hand boolean default false,
  p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(trim(p_model), '') = '' or p_requests_per_second <= 0 or p_tokens_per_minute <= 0 then
    raise exception 'name a model, and more than 0 requests and tokens'
      using errcode = 'invalid_parameter_value';
  end if;
  if p_requests_per_second is null and not p_by_hand then
    delete from public.prompt_model_limits l where l.model = p_model and not l.by_hand;
  else
    insert into public.prompt_model_limits as l (
      model, requests_per_second, tokens_per_minute, by_hand
    )
    values (p_model, p_requests_per_second, p_tokens_per_minute, p_by_hand)
    on conflict (model) do update
    set requests_per_second = excluded.requests_per_second,
      tokens_per_minute = excluded.tokens_per_minute, by_hand = excluded.by_hand,
      updated_at = clock_timestamp()
    where (p_by_hand or not l.by_hand)
      and (l.requests_per_second, l.tokens_per_minute, l.by_hand)
        is distinct from (excluded.requests_per_second, excluded.tokens_per_minute, p_by_hand);
  end if;
  if not found then
    return false;
  end if;
  -- What was learned was about another limit.
  delete from public.prompt_model_gates g where g.model = p_model;
  if p_by_hand then
    insert into public.prompt_operator_log (actor, act, model, reason)
    values (
      p_actor, 'limited', p_model,
      coalesce(
        p_requests_per_second || ' requests a second, '
          || coalesce(p_tokens_per_minute::text, 'any') || ' tokens a minute',
        'no limit'
      )
    );
  end if;
  return true;
end
$$;
-- <<< set_prompt_limit

-- >>> settle_prompt_gates
-- Tells the gates how calls ended. p_ends is an array of {model, error_code, retry_after, good,
-- estimated, tokens}. What a call used beyond its estimate is owed, what it did not use is given
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
      coalesce(bool_or(e.good), false) as any_good,
      -- What was under way when the gate closed says nothing new.
      coalesce(bool_or(e.error_code = 'rate_limited'), false) and o.closed_until <= v_now
        as is_new,
      max(e.retry_after) filter (where e.error_code = 'rate_limited') as retry_after
    from jsonb_to_recordset(p_ends) as e (
      model text, error_code text, retry_after double precision, good boolean, estimated int,
      tokens int
    )
    join public.prompt_model_gates o on o.model = e.model
    join public.prompt_model_limits l on l.model = o.model
    group by o.model, o.*, l.requests_per_second, l.tokens_per_minute
  ) s
  where g.model = s.model;
end
$$;
-- <<< settle_prompt_gates

-- >>> spend_prompt_claim_room
-- Notes that so many jobs were given out, see prompt_claim_room.
create or replace function public.spend_prompt_claim_room(p_model text, p_jobs int)
returns void
language sql
set search_path = ''
as $$
  update public.prompt_model_gates g
  set claims_at = greatest(g.claims_at, clock_timestamp())
    + make_interval(secs => p_jobs / public.prompt_gate_rate(g, l.requests_per_second, clock_timestamp()))
  from public.prompt_model_limits l
  where g.model = p_model and l.model = g.model and p_jobs > 0
$$;
-- <<< spend_prompt_claim_room
