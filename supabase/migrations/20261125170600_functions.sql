-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> begin_provider_calls
-- Writes the intent of paid calls before a byte leaves. p_calls is an array of
-- {call_id, job_id, lease_token, model, provider, leg, worker, retry_count, pictures}; the pictures
-- that the call is about are noted in the timeline of the job, once. Verdict per call:
-- granted; lease_lost (the token is not the current one); model_paused; breaker_open (but one call
-- may probe a model whose cool-off is over, for as long as it holds its job); retry_budget (retries
-- are a tenth of a model's answered calls, one in two seconds and 20 at once); outcome_unknown (more
-- than max_retries sends of this job never got an answer, so that another one could buy the same
-- thing again). A call without retry_count is from a worker that knows of no breaker: to it an open
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
  return query
  with asked as materialized (
    select *
    from jsonb_to_recordset(p_calls) as c (
      call_id uuid, job_id uuid, lease_token uuid, model text, provider text, leg text, worker text,
      retry_count int, pictures jsonb
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
  judged as materialized (
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
  written as (
    insert into public.provider_calls (
      call_id, job_id, user_id, lease_token, worker, provider, leg, model
    )
    select j.call_id, j.job_id, j.user_id, j.lease_token, j.worker, coalesce(j.provider, 'xai'),
      coalesce(j.leg, 'prompt'), j.model
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
-- served_model, breaker, redirected, prompt_tokens, completion_tokens, reasoning_tokens,
-- image_tokens, cached_tokens, cost_usd}; breaker is what the ending says about the model, see
-- judge_prompt_models, redirected that another model answered. A call that has its ending keeps it.
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
      breaker text, redirected boolean, prompt_tokens int, completion_tokens int,
      reasoning_tokens int, image_tokens int, cached_tokens int, cost_usd numeric
    )
    where c.call_id = e.call_id and c.state = 'sent'
    returning c.call_id, c.model, e.breaker, e.error_code, e.redirected
  )
  select count(*),
    jsonb_agg(jsonb_build_object('call_id', d.call_id, 'model', d.model, 'breaker', d.breaker,
      'error_code', d.error_code)) filter (where d.breaker is not null),
    array_agg(d.model) filter (where d.redirected)
  into v_count, v_telling, v_redirected
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
  return v_count;
end
$$;
-- <<< end_provider_calls

-- >>> judge_prompt_models
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
-- <<< judge_prompt_models

-- >>> note_listed_models
-- Notes which of the models that are asked for (p_models) the provider lists (p_listed).
create or replace function public.note_listed_models(p_models text[], p_listed text[])
returns void
language sql
set search_path = ''
as $$
  insert into public.prompt_model_health (model, listed, listed_at)
  select m.model, m.model = any (p_listed), clock_timestamp()
  from (select distinct unnest(p_models)) as m (model)
  order by m.model
  on conflict (model) do update
  set listed = excluded.listed, listed_at = excluded.listed_at
$$;
-- <<< note_listed_models

-- >>> pause_prompt_queue
-- Stops the whole queue, or with p_model the calls to one model; jobs that run are finished.
-- Returns false where it was paused already: the first reason is kept.
create or replace function public.pause_prompt_queue(
  p_model text default null, p_reason text default null, p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  insert into public.prompt_queue_pauses (model, reason, actor)
  values (coalesce(p_model, ''), p_reason, p_actor)
  on conflict do nothing;
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason)
  values (p_actor, 'paused', p_model, p_reason);
  return true;
end
$$;
-- <<< pause_prompt_queue

-- >>> prompt_model_outage
-- For a model whose breaker is open: the seconds until one call may probe it (null: somebody has to
-- close it by hand) and the seconds since it opened. No row: it is closed.
create or replace function public.prompt_model_outage(p_model text)
returns table (wait_seconds double precision, outage_seconds double precision)
language sql
volatile
set search_path = ''
as $$
  select
    -- greatest() takes no notice of a null, which says something here.
    case when h.open_until is not null
      then greatest(extract(epoch from h.open_until - clock_timestamp())::float8, 0) end,
    extract(epoch from clock_timestamp() - h.opened_at)::float8
  from public.prompt_model_health h
  where h.model = p_model and h.state = 'open'
$$;
-- <<< prompt_model_outage

-- >>> readmit_prompt_jobs
-- Gives open jobs that have no place in the queue one: a dump whose snapshot is older than
-- renew_prompt_job_queue's TRUNCATE, taken between the two, holds the record without the places.
-- What was being worked on is queued again. Reads the whole record, so once an hour is enough.
-- Returns how many were given a place, at most p_limit.
create or replace function public.readmit_prompt_jobs(p_limit int default 1000)
returns int
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.readmit'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with missing as materialized (
    select j.id, j.user_id, j.priority, j.created_at
    from public.prompt_generation_jobs j
    where j.status in ('queued', 'processing')
      and not exists (select from public.prompt_job_queue q where q.job_id = j.id)
    limit p_limit
    -- A statement whose snapshot is that old sees no places: the lock looks at the job anew, and
    -- the conflict below at its place.
    for update of j skip locked
  ),
  turns as materialized (
    select d.user_id, d.priority, public.prompt_claim_key(d.user_id, d.priority) as first_key
    from (select distinct m.user_id, m.priority from missing m) d
  ),
  placed as (
    insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
    select m.id, m.user_id, m.priority,
      t.first_key - 1
        + row_number() over (partition by m.user_id, m.priority order by m.created_at, m.id)
    from missing m
    join turns t on t.user_id = m.user_id and t.priority = m.priority
    on conflict (job_id) do nothing
    returning job_id, user_id
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = 'queued', updated_at = v_now
    from placed p
    where j.id = p.job_id
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind)
    select p.job_id, p.user_id, 'readmitted' from placed p
  )
  select count(*) into v_count from placed;
  if v_count > 0 then
    notify prompt_queue;
  end if;
  return v_count;
end
$$;
-- <<< readmit_prompt_jobs

-- >>> renew_prompt_job_queue
-- Writes the queue's narrow table anew, without its dead rows. While somebody holds an old snapshot
-- (a dump, a long report, a forgotten transaction) vacuum may not remove them, and every look for the
-- head of a lane reads through all that were claimed since: a queue that was fast stands still.
-- TRUNCATE may. It is done only where it is worth its short lock: at least p_least_dead dead rows
-- by the statistics, few living ones, and a look that takes longer than p_least_ms. A snapshot from
-- before then sees an empty table; nothing reads this table with one, and what was claimed stays
-- fenced by its token. Returns whether it was done; false too where somebody is in the way.
create or replace function public.renew_prompt_job_queue(
  p_least_dead bigint default 5000, p_least_ms double precision default 1
)
returns boolean
language plpgsql
set search_path = ''
set lock_timeout = '150ms'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_dead bigint := pg_stat_get_dead_tuples('public.prompt_job_queue'::regclass);
  v_living bigint := pg_stat_get_live_tuples('public.prompt_job_queue'::regclass);
  v_began timestamptz;
  v_rows public.prompt_job_queue[];
begin
  if v_dead < p_least_dead or v_living > greatest(v_dead / 5, 1000) then
    return false;
  end if;
  v_began := clock_timestamp();
  perform (
    select q.job_id from public.prompt_job_queue q
    where q.state = 'ready' and q.priority = lane.priority::smallint
    order by q.claim_key, q.enqueued_at
    limit 1
  )
  from generate_series(1, 10) as lane (priority);
  if clock_timestamp() < v_began + make_interval(secs => p_least_ms / 1000) then
    return false;
  end if;
  if not pg_try_advisory_xact_lock(hashtextextended('prompt_queue.renew', 0)) then
    return false;
  end if;
  begin
    lock table public.prompt_job_queue in access exclusive mode;
    -- A statement sees what was committed when it began: nobody writes any more.
    select array_agg(q) into v_rows from public.prompt_job_queue q;
    truncate public.prompt_job_queue;
    insert into public.prompt_job_queue select (r).* from unnest(v_rows) as r;
  exception when lock_not_available or insufficient_privilege then
    return false;
  end;
  return true;
end
$$;
-- <<< renew_prompt_job_queue

-- >>> resume_prompt_queue
-- Lets the whole queue, or with p_model the calls to one model, go on; wakes the workers.
-- Returns false where nothing was paused.
create or replace function public.resume_prompt_queue(
  p_model text default null, p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_queue_pauses p where p.model = coalesce(p_model, '');
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model) values (p_actor, 'resumed', p_model);
  notify prompt_queue;
  return true;
end
$$;
-- <<< resume_prompt_queue

-- >>> set_prompt_breaker
-- Opens a model's breaker by hand, for p_seconds or (null) until it is closed, or closes it and
-- forgets the faults that were counted; what waited for it looks again at once. Returns false where it stood so already, by hand too.
create or replace function public.set_prompt_breaker(
  p_model text,
  p_open boolean,
  p_seconds double precision default null,
  p_reason text default null,
  p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if coalesce(trim(p_model), '') = '' or p_seconds <= 0 then
    raise exception 'name a model, and more than 0 seconds'
      using errcode = 'invalid_parameter_value';
  end if;
  insert into public.prompt_model_health (model) values (p_model) on conflict do nothing;
  update public.prompt_model_health h
  set state = case when p_open then 'open' else 'closed' end,
    by_hand = p_open,
    cause = case when p_open then coalesce(p_reason, 'opened by hand') end,
    opened_at = case when p_open and h.state = 'closed' then v_now else h.opened_at end,
    open_until = case when p_open then v_now + make_interval(secs => p_seconds) end,
    closed_at = case when p_open then h.closed_at else v_now end,
    openings = 0, probe_call_id = null, good = 0, bad = 0, retries_left = 20, counted_at = v_now
  where h.model = p_model
    and (
      (h.state = 'open') <> p_open
      or p_open and (not h.by_hand or p_seconds is not null or h.open_until is not null)
    );
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason)
  values (p_actor, case when p_open then 'opened' else 'closed' end, p_model, p_reason);
  if not p_open then
    perform public.wake_parked_prompt_jobs();
  end if;
  return true;
end
$$;
-- <<< set_prompt_breaker

-- >>> wake_parked_prompt_jobs
-- Lets jobs look again at once that wait for a model to work again: for credit, for a key, for a
-- breaker. To be called when it does; at most p_limit, the others look by themselves. Returns how
-- many.
create or replace function public.wake_parked_prompt_jobs(p_limit int default 10000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with parked as materialized (
    select q.job_id
    from public.prompt_job_queue q
    join public.prompt_generation_jobs j on j.id = q.job_id
    where q.state = 'delayed' and q.next_attempt_at > v_now
      and j.error_code in ('out_of_credit', 'misconfigured', 'breaker_open')
    limit p_limit
    -- Nobody is waited for: callers hold the rows of models, for which others wait.
    for update of q skip locked
  )
  update public.prompt_job_queue q
  set state = 'ready'
  from parked p
  where q.job_id = p.job_id;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    notify prompt_queue;
  end if;
  return v_count;
end
$$;
-- <<< wake_parked_prompt_jobs
