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

-- >>> cancel_picture_job
-- Cancels what is left of a job; with p_user_id only if it is that user's. Its prompt is cancelled too
-- if no other job needs it. What is with the provider already is told so by a worker, which may not
-- stop it: at_provider counts these. outcome: cancelled, already_cancelled, already_final (all its
-- pictures had ended) or not_found.
create or replace function public.cancel_picture_job(p_job_id uuid, p_user_id uuid default null)
returns table (
  outcome text, cancelled int, at_provider int, succeeded int, spent_usd numeric,
  prompt_cancelled boolean
)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.cancel'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_prompt_job uuid;
  v_user uuid;
  v_outcome text;
  v_cancelled int := 0;
  v_there int := 0;
  v_prompt_cancelled boolean := false;
begin
  select p.prompt_job_id, p.user_id into v_prompt_job, v_user
  from public.picture_jobs p
  where p.job_id = p_job_id and (p_user_id is null or p.user_id = p_user_id)
  limit 1;
  if not found then
    return query select 'not_found', 0, 0, 0, 0::numeric, false;
    return;
  end if;
  -- In the order in which a prompt that ends takes its locks.
  perform 1 from public.prompt_job_queue q where q.job_id = v_prompt_job for update;
  with open as materialized (
    select p.id, p.status from public.picture_jobs p
    where p.job_id = p_job_id and p.status not in ('succeeded', 'failed', 'cancelled')
    order by p.id
    for update
  ),
  stopped as (
    update public.picture_jobs p
    set status = 'cancelled', lease_token = null, lease_until = null, attempt_until = null,
      worker = null, completed_at = v_now, updated_at = v_now,
      due_at = case when p.prediction_id is not null then v_now end
    from open o
    where p.id = o.id
  )
  select count(*), count(*) filter (
      where o.status in ('submitting', 'submission_unknown', 'submitted', 'running'))
  into v_cancelled, v_there
  from open o;
  if v_cancelled > 0 then
    v_outcome := 'cancelled';
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_user, 'picture_cancelled',
      jsonb_build_object('pictures', v_cancelled, 'atProvider', v_there));
    if v_prompt_job is not null and not exists (
      select from public.jobs d where d.prompt_job_id = v_prompt_job and d.id <> p_job_id
    ) then
      select c.outcome = 'cancelled' into v_prompt_cancelled
      from public.cancel_prompt_job(v_prompt_job) c;
    end if;
    perform public.project_picture_jobs(array[p_job_id]);
  elsif exists (
    select from public.picture_jobs p where p.job_id = p_job_id and p.status <> 'cancelled'
  ) then
    v_outcome := 'already_final';
  else
    v_outcome := 'already_cancelled';
  end if;
  return query
  select v_outcome, v_cancelled, v_there,
    (select count(*)::int from public.picture_jobs p
      where p.job_id = p_job_id and p.status = 'succeeded'),
    coalesce((
      select sum(c.cost_usd) from public.provider_calls c
      where c.job_id = v_prompt_job
        or c.job_id in (select p.id from public.picture_jobs p where p.job_id = p_job_id)
    ), 0), v_prompt_cancelled;
end
$$;
-- <<< cancel_picture_job

-- >>> cancel_prompt_job
-- Cancels one job, final in the database at once; with p_user_id only if it is that user's.
-- The event's savedUsd is what the call would have cost that is not made any more, by the mean of
-- the last ten; absent where a call is in flight or nothing is known.
-- outcome: cancelled, already_cancelled, already_final (completed or failed first) or not_found.
create or replace function public.cancel_prompt_job(p_job_id uuid, p_user_id uuid default null)
returns table (outcome text, status text, spent_usd numeric, calls bigint, call_in_flight boolean)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.cancel'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
  v_outcome text;
  v_in_flight boolean;
  v_saved numeric;
begin
  -- The queue row is the lock that settle, reap and cancel all take first.
  perform 1 from public.prompt_job_queue q where q.job_id = p_job_id for update;
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id);
  if not found then
    return query select 'not_found', null::text, 0::numeric, 0::bigint, false;
    return;
  end if;
  select coalesce(bool_or(c.state = 'sent') and v_job.status = 'processing', false)
  into v_in_flight
  from public.provider_calls c
  where c.job_id = p_job_id;
  if v_job.status in ('queued', 'processing') then
    if not v_in_flight then
      select round(avg(c.cost_usd), 6) into v_saved
      from (
        select l.cost_usd from public.provider_calls l
        where l.cost_usd is not null
        order by l.started_at desc
        limit 10
      ) c;
    end if;
    delete from public.prompt_job_queue q where q.job_id = p_job_id;
    update public.prompt_generation_jobs j
    set status = 'cancelled', completed_at = v_now, updated_at = v_now
    where j.id = p_job_id;
    insert into public.prompt_queue_tally (at, status, jobs) values (v_now, 'cancelled', 1);
    update public.jobs d set prompt_status = 'failed' where d.prompt_job_id = p_job_id;
    perform public.release_picture_jobs(array[p_job_id]);
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_job.user_id, 'cancelled',
      jsonb_strip_nulls(jsonb_build_object('savedUsd', v_saved)));
    v_outcome := 'cancelled';
  elsif v_job.status = 'cancelled' then
    v_outcome := 'already_cancelled';
  else
    v_outcome := 'already_final';
  end if;
  return query
  select v_outcome, case v_outcome when 'cancelled' then 'cancelled' else v_job.status end,
    coalesce(sum(c.cost_usd), 0), count(*), v_in_flight
  from public.provider_calls c
  where c.job_id = p_job_id;
end
$$;
-- <<< cancel_prompt_job

-- >>> claim_picture_jobs
-- Leases up to p_limit pictures that are due: those already with the provider, to be looked at, and
-- after them those to be bought, most urgent first; of the latter no more than the gate of the
-- provider lets pass soon, and than prompt_queue_settings.pictures_at_once allows in all. Nothing
-- new is bought while the queue or the provider is paused.
create or replace function public.claim_picture_jobs(
  p_limit int,
  p_worker text,
  p_lease_seconds double precision,
  p_attempt_seconds double precision default null,
  p_provider text default 'wavespeed'
)
returns setof public.picture_jobs
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.claim'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_room int;
  v_at_once int;
  v_taken int;
begin
  return query
  with due as materialized (
    select p.id from public.picture_jobs p
    where p.due_at is not null and p.due_at <= v_now and p.status <> 'queued'
    order by p.due_at
    limit p_limit
    for update skip locked
  )
  update public.picture_jobs p
  set lease_token = gen_random_uuid(), lease_until = v_now + make_interval(secs => p_lease_seconds),
    attempt_until = v_now + make_interval(secs => p_attempt_seconds), worker = p_worker,
    due_at = null
  from due d
  where p.id = d.id
  returning p.*;
  get diagnostics v_taken = row_count;
  v_room := p_limit - v_taken;
  if v_room <= 0 or exists (
    select from public.prompt_queue_pauses u where u.model in ('', p_provider)
  ) or not exists (
    select from public.picture_jobs p
    where p.status = 'queued' and p.due_at <= v_now
    order by p.due_at
    limit 1
  ) then
    return;
  end if;
  select s.pictures_at_once into v_at_once from public.prompt_queue_settings s where s.only_row;
  if v_at_once is not null then
    -- One at a time: the count must not be of before another's claim.
    perform pg_advisory_xact_lock(hashtextextended('prompt_queue.pictures', 0));
    select least(v_room, greatest(v_at_once - count(*), 0)) into v_room
    from public.picture_jobs p
    where p.status in ('submitting', 'submission_unknown', 'submitted', 'running');
  end if;
  v_room := public.prompt_claim_room(p_provider, v_room);
  return query
  with chosen as materialized (
    select p.id from public.picture_jobs p
    where p.status = 'queued' and p.due_at <= v_now
    order by p.priority desc, p.created_at
    limit v_room
    for update skip locked
  )
  update public.picture_jobs p
  set status = 'submitting', lease_token = gen_random_uuid(),
    lease_until = v_now + make_interval(secs => p_lease_seconds),
    attempt_until = v_now + make_interval(secs => p_attempt_seconds), worker = p_worker,
    due_at = null, hinted_at = null, updated_at = v_now
  from chosen c
  where p.id = c.id
  returning p.*;
  get diagnostics v_taken = row_count;
  perform public.spend_prompt_claim_room(p_provider, v_taken);
end
$$;
-- <<< claim_picture_jobs

-- >>> create_picture_job
-- Creates a row of jobs and what is ours of it, in the caller's own transaction. p_request has
-- use_ai_prompt, prompt, target_url, ref_urls, generation_model, width, height, count (1 to 8),
-- priority, max_retries, webhook_url, metadata, and prompt_options as enqueue_prompt_job() takes
-- them; pictures and prompt that it does not have come from the row of model_rows. With use_ai_prompt
-- a prompt is queued and the pictures wait for it. With p_user_id a row of somebody else counts as
-- missing.
create or replace function public.create_picture_job(
  p_row_id uuid,
  p_request jsonb,
  p_user_id uuid default null,
  p_job_id uuid default null,
  p_prompt_job_id uuid default null
)
returns table (job_id uuid, prompt_job_id uuid)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_job uuid := coalesce(p_job_id, gen_random_uuid());
  v_prompt_job uuid;
  v_owner record;
  v_row jsonb;
  v_with_ai boolean := coalesce((p_request ->> 'use_ai_prompt')::boolean, false);
  v_target text;
  v_refs text[];
  v_prompt text;
  v_count int := coalesce((p_request ->> 'count')::int, 1);
  v_priority int := coalesce((p_request ->> 'priority')::int, 5);
  v_retries int := coalesce((p_request ->> 'max_retries')::int, 3);
begin
  select * into v_owner from public.prompt_row_owner(p_row_id);
  if v_owner.user_id is null
    or v_owner.user_id is distinct from coalesce(p_user_id, v_owner.user_id) then
    raise exception 'there is no row % that you may use', p_row_id using errcode = 'no_data_found';
  end if;
  if v_count not between 1 and 8 then
    raise exception 'count is from 1 to 8' using errcode = 'invalid_parameter_value';
  end if;
  select to_jsonb(r) into v_row from public.model_rows r where r.id = p_row_id;
  v_target := coalesce(p_request ->> 'target_url', v_row ->> 'target_url');
  v_refs := array(select jsonb_array_elements_text(
    case when jsonb_typeof(p_request -> 'ref_urls') = 'array' then p_request -> 'ref_urls'
      when jsonb_typeof(v_row -> 'ref_urls') = 'array' then v_row -> 'ref_urls' else '[]' end
  ));
  if coalesce(v_target, '') = '' then
    raise exception 'the row has no target picture' using errcode = 'check_violation',
      hint = 'send targetUrl, or set target_url of the row';
  end if;
  if v_with_ai then
    v_prompt_job := public.enqueue_prompt_job(
      p_row_id, v_target, v_refs, v_priority, p_user_id, v_retries, p_prompt_job_id,
      coalesce(p_request -> 'prompt_options', '{}')
    );
  else
    v_prompt := coalesce(nullif(trim(p_request ->> 'prompt'), ''), nullif(trim(v_row ->> 'prompt'), ''));
    if v_prompt is null then
      raise exception 'there is no prompt' using errcode = 'check_violation',
        hint = 'send prompt, set useAiPrompt, or set prompt of the row';
    end if;
  end if;
  perform public.insert_row_of_jobs(jsonb_build_object(
    'id', v_job, 'row_id', p_row_id, 'model_id', v_owner.model_id, 'user_id', v_owner.user_id,
    'prompt_job_id', v_prompt_job,
    'prompt_status', case when v_with_ai then 'generating' else 'completed' end,
    'status', public.picture_word(
      'job_words', case when v_with_ai then 'waiting_prompt' else 'queued' end),
    'request_payload', jsonb_strip_nulls(jsonb_build_object(
      'prompt', v_prompt, 'targetUrl', v_target, 'refUrls', to_jsonb(v_refs),
      'generationModel', p_request ->> 'generation_model', 'width', p_request -> 'width',
      'height', p_request -> 'height', 'count', v_count, 'metadata', p_request -> 'metadata'
    ))
  ));
  insert into public.picture_jobs (
    id, job_id, number, user_id, row_id, prompt_job_id, status, prompt, target_url, ref_urls,
    generation_model, width, height, priority, max_retries, webhook_url, metadata, due_at
  )
  select gen_random_uuid(), v_job, n, v_owner.user_id, p_row_id, v_prompt_job,
    case when v_with_ai then 'waiting_prompt' else 'queued' end, v_prompt, v_target, v_refs,
    p_request ->> 'generation_model', (p_request ->> 'width')::int, (p_request ->> 'height')::int,
    v_priority, v_retries, p_request ->> 'webhook_url', p_request -> 'metadata',
    case when v_with_ai then null else clock_timestamp() end
  from generate_series(1, v_count) n;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (v_job, v_owner.user_id, 'picture_created', jsonb_strip_nulls(jsonb_build_object(
    'promptJobId', v_prompt_job, 'generationModel', p_request ->> 'generation_model',
    'count', v_count
  )));
  perform public.project_picture_jobs(array[v_job]);
  notify prompt_queue;
  return query select v_job, v_prompt_job;
end
$$;
-- <<< create_picture_job

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
      c.estimated_tokens, coalesce(c.send_at, c.started_at) as sent_at,
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
      'tokens', d.tokens, 'sent_at', d.sent_at))
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

-- >>> free_expired_picture_leases
-- Takes pictures away from workers that fell silent. One that was being bought, and whose submit may
-- have left, is unknown; nothing that may be paid for is given up. One that nothing was sent for
-- fails the third time. Returns how many leases were freed.
create or replace function public.free_expired_picture_leases(p_limit int default 100)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.reap'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_jobs uuid[];
  v_count int;
begin
  with expired as materialized (
    select p.id, p.job_id, p.user_id, p.number, p.status, p.worker, p.lease_losses + 1 as losses,
      p.status = 'submitting' and p.prediction_id is null and exists (
        select from public.provider_calls c
        where c.job_id = p.id and c.leg = 'picture' and c.lease_token = p.lease_token
          -- Or answered well, and its worker died before it could say what it had bought.
          and (c.state <> 'answered' or c.error_code is null)
      ) as was_sent
    from public.picture_jobs p
    where p.lease_until is not null and p.lease_until < v_now
    order by p.lease_until
    limit p_limit
    for update of p skip locked
  ),
  judged as materialized (
    select e.*,
      case
        when e.was_sent then 'submission_unknown'
        when e.status = 'submitting' and e.losses >= 3 then 'failed'
        when e.status = 'submitting' then 'queued'
        else e.status
      end as becomes
    from expired e
  ),
  moved as (
    update public.picture_jobs p
    set status = case when j.becomes = 'queued' and p.prediction_id is not null then 'submitted'
        else j.becomes end,
      lease_token = null, lease_until = null, attempt_until = null, worker = null,
      lease_losses = j.losses,
      due_at = case when j.becomes = 'failed' then null else v_now end,
      error = case when j.becomes = 'failed' then
        'The picture stopped three workers and was set aside; the operator has to look at it.'
        else p.error end,
      error_code = case when j.becomes = 'failed' then 'worker_died' else p.error_code end,
      completed_at = case when j.becomes = 'failed' then v_now else p.completed_at end,
      updated_at = v_now
    from judged j
    where p.id = j.id
  ),
  unanswered as (
    update public.provider_calls c
    set state = 'unanswered', error_code = 'worker_died', ended_at = v_now
    from judged j
    where j.was_sent and c.job_id = j.id and c.leg = 'picture' and c.state = 'sent'
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select j.job_id, j.user_id, 'picture_lease_lost', jsonb_build_object(
      'number', j.number, 'worker', j.worker, 'losses', j.losses, 'status', j.becomes)
    from judged j
  )
  select count(*), array_agg(distinct j.job_id) into v_count, v_jobs from judged j;
  if v_count > 0 then
    perform public.project_picture_jobs(v_jobs);
  end if;
  return v_count;
end
$$;
-- <<< free_expired_picture_leases

-- >>> heartbeat_prompt_jobs
-- Renews the leases whose token is still the current one, at most up to the end of their attempt,
-- and returns their ids, of prompts and pictures; one that is missing from the answer is no longer the caller's.
create or replace function public.heartbeat_prompt_jobs(
  p_job_ids uuid[],
  p_lease_tokens uuid[],
  p_lease_seconds double precision
)
returns setof uuid
language sql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  with held as materialized (
    select q.job_id
    from unnest(p_job_ids, p_lease_tokens) as h (job_id, lease_token)
    join public.prompt_job_queue q on q.job_id = h.job_id and q.lease_token = h.lease_token
    order by q.job_id
    for update of q
  ),
  pictures as (
    update public.picture_jobs p
    set lease_until = least(
      clock_timestamp() + make_interval(secs => p_lease_seconds), p.attempt_until
    )
    from unnest(p_job_ids, p_lease_tokens) as h (job_id, lease_token)
    where p.id = h.job_id and p.lease_token = h.lease_token
    returning p.id
  ),
  prompts as (
    update public.prompt_job_queue q
    set lease_until = least(
      clock_timestamp() + make_interval(secs => p_lease_seconds), q.attempt_until
    )
    from held
    where q.job_id = held.job_id
    returning q.job_id
  )
  select r.job_id from prompts r
  union all
  select r.id from pictures r
$$;
-- <<< heartbeat_prompt_jobs

-- >>> insert_row_of_jobs
-- Inserts into jobs those of the values whose columns it has: the table may belong to the user.
create or replace function public.insert_row_of_jobs(p_values jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_columns text;
begin
  select string_agg(quote_ident(a.attname), ', ') into v_columns
  from pg_attribute a
  where a.attrelid = 'public.jobs'::regclass and a.attnum > 0 and not a.attisdropped
    and p_values ? a.attname;
  execute format(
    'insert into public.jobs (%1$s) select %1$s from jsonb_populate_record(null::public.jobs, $1)',
    v_columns
  ) using p_values;
end
$$;
-- <<< insert_row_of_jobs

-- >>> note_picture_hint
-- A webhook of the provider, whose signature was found good, about the submit p_call_id: the picture
-- is looked at now, and where its submit had no answer it is known to be bought. The hint is not
-- believed further than that. Answers taken, repeated (that webhook was taken before), late (the
-- picture has ended) or unknown.
create or replace function public.note_picture_hint(
  p_call_id uuid, p_prediction_id text, p_webhook_id text
)
returns text
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.webhook'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_is public.picture_jobs;
begin
  insert into public.picture_webhooks (webhook_id) values (p_webhook_id) on conflict do nothing;
  if not found then
    return 'repeated';
  end if;
  select p.* into v_is
  from public.provider_calls c
  join public.picture_jobs p on p.id = c.job_id
  where c.call_id = p_call_id and c.leg = 'picture'
  for update of p;
  if not found then
    return 'unknown';
  end if;
  update public.provider_calls c
  set state = 'answered', error_code = null, ended_at = coalesce(c.ended_at, v_now)
  where c.call_id = p_call_id and c.state = 'unanswered';
  if v_is.prediction_id is distinct from p_prediction_id and v_is.prediction_id is not null then
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (v_is.job_id, v_is.user_id, 'picture_bought_twice', jsonb_build_object(
      'number', v_is.number, 'predictionId', p_prediction_id));
    return 'late';
  elsif v_is.status in ('succeeded', 'failed', 'cancelled', 'saving') then
    return 'late';
  end if;
  update public.picture_jobs p
  set prediction_id = p_prediction_id,
    status = case when p.status in ('submission_unknown', 'queued') then 'submitted'
      else p.status end,
    submitted_at = coalesce(p.submitted_at, v_now),
    hinted_at = case when p.lease_token is not null then v_now end,
    due_at = case when p.lease_token is null then v_now end, updated_at = v_now
  where p.id = v_is.id;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (v_is.job_id, v_is.user_id, 'picture_hinted', jsonb_build_object(
    'number', v_is.number, 'predictionId', p_prediction_id));
  perform public.project_picture_jobs(array[v_is.job_id]);
  notify prompt_queue;
  return 'taken';
end
$$;
-- <<< note_picture_hint

-- >>> picture_is_due
-- Whether a picture is to be looked at or bought now.
create or replace function public.picture_is_due()
returns boolean
language sql
volatile
set search_path = ''
set enable_seqscan = off
as $$
  select exists (
    select from public.picture_jobs p
    where p.status <> 'queued' and p.due_at is not null and p.due_at <= clock_timestamp()
    order by p.due_at limit 1
  ) or exists (
    select from public.picture_jobs p
    where p.status = 'queued' and p.due_at <= clock_timestamp() order by p.due_at limit 1
  )
$$;
-- <<< picture_is_due

-- >>> picture_job_status
-- The status of a job by those of its pictures: while one is on its way, the furthest of these; at
-- the end succeeded if any did, cancelled if all were, else failed.
create or replace function public.picture_job_status(p_statuses text[])
returns text
language sql
immutable
set search_path = ''
as $$
  select coalesce(
    (
      select s.status
      from unnest(array[
        'saving', 'running', 'submitted', 'submission_unknown', 'submitting', 'queued',
        'waiting_prompt'
      ]) with ordinality as s (status, nth)
      where s.status = any (p_statuses)
      order by s.nth limit 1
    ),
    case
      when 'succeeded' = any (p_statuses) then 'succeeded'
      when 'failed' = any (p_statuses) then 'failed'
      else 'cancelled'
    end
  )
$$;
-- <<< picture_job_status

-- >>> picture_word
-- How a status of picture_jobs is called in jobs.status ('job_words') or model_rows.status
-- ('row_words'): as the settings say, else by the usual words. Null: that column is left alone.
create or replace function public.picture_word(p_words text, p_status text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_words jsonb;
begin
  select to_jsonb(s) -> p_words into v_words from public.prompt_queue_settings s where s.only_row;
  if v_words ? p_status then
    return v_words ->> p_status;
  elsif p_words = 'job_words' then
    return case p_status
      when 'waiting_prompt' then 'queued'
      when 'submitting' then 'queued'
      when 'submission_unknown' then 'submitted'
      else p_status
    end;
  end if;
  return case
    when p_status in ('waiting_prompt', 'queued', 'submitting') then 'queued'
    when p_status = 'succeeded' then 'done'
    when p_status = 'failed' then 'error'
    when p_status = 'cancelled' then 'idle'
    else 'running'
  end;
end
$$;
-- <<< picture_word

-- >>> project_picture_jobs
-- Shows in jobs (status, error, prompt in request_payload) and model_rows (status) how the pictures
-- of these jobs stand; only in columns that are there, only what has changed. What a table's own
-- rules refuse is noted as an event and stops nothing.
create or replace function public.project_picture_jobs(p_job_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_job record;
  v_sets text;
  v_word text;
begin
  select string_agg(case a.attname
      when 'status' then 'status = coalesce($2, d.status)'
      when 'error' then 'error = $3'
      when 'request_payload' then
        'request_payload = case when $4 is null then d.request_payload else '
        'coalesce(d.request_payload, ''{}'') || jsonb_build_object(''prompt'', $4) end'
      when 'updated_at' then 'updated_at = clock_timestamp()'
    end, ', ')
  into v_sets
  from pg_attribute a
  where a.attrelid = 'public.jobs'::regclass and not a.attisdropped and (
    a.attname in ('status', 'error', 'updated_at')
    or a.attname = 'request_payload' and a.atttypid = 'jsonb'::regtype
  );
  for v_job in
    select p.job_id, (array_agg(p.row_id))[1] as row_id, (array_agg(p.user_id))[1] as user_id,
      public.picture_job_status(array_agg(p.status)) as status,
      (array_agg(p.error order by p.number) filter (where p.error is not null))[1] as error,
      (array_agg(p.prompt order by p.number) filter (where p.prompt is not null))[1] as prompt
    from public.picture_jobs p
    where p.job_id = any (p_job_ids)
    group by p.job_id
    order by p.job_id
  loop
    begin
      if v_sets is not null then
        execute format(
          'update public.jobs d set %s where d.id = $1', v_sets
        ) using v_job.job_id, public.picture_word('job_words', v_job.status),
          case when v_job.status in ('failed', 'cancelled') then v_job.error end, v_job.prompt;
      end if;
      v_word := public.picture_word('row_words', v_job.status);
      if v_word is not null and v_job.row_id is not null and exists (
        select from pg_attribute a
        where a.attrelid = 'public.model_rows'::regclass and a.attname = 'status'
          and not a.attisdropped
      ) then
        execute 'update public.model_rows r set status = $2 '
          'where r.id = $1 and r.status is distinct from $2'
        using v_job.row_id, v_word;
      end if;
    exception when integrity_constraint_violation or data_exception or raise_exception then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values (v_job.job_id, v_job.user_id, 'projection_refused',
        jsonb_build_object('status', v_job.status, 'sqlstate', sqlstate));
    end;
  end loop;
end
$$;
-- <<< project_picture_jobs

-- >>> release_picture_jobs
-- Lets the pictures go on that wait for these prompt jobs: with the prompt, or, where it failed or
-- was cancelled, to their end with the same reason. Runs in the transaction that ends the prompt.
create or replace function public.release_picture_jobs(p_prompt_job_ids uuid[])
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_jobs uuid[];
begin
  with ended as materialized (
    select j.id, j.status, j.generated_prompt, j.error, j.error_code
    from public.prompt_generation_jobs j
    where j.id = any (p_prompt_job_ids) and j.status in ('completed', 'failed', 'cancelled')
  ),
  moved as (
    update public.picture_jobs p
    set status = case e.status when 'completed' then 'queued' else 'failed' end,
      prompt = e.generated_prompt,
      error = case e.status when 'completed' then null
        else coalesce(e.error, 'Its prompt was cancelled.') end,
      error_code = case e.status when 'completed' then null
        else coalesce(e.error_code, 'prompt_cancelled') end,
      failed_with_prompt = e.status <> 'completed',
      due_at = case e.status when 'completed' then v_now end,
      completed_at = case e.status when 'completed' then null else v_now end,
      updated_at = v_now
    from ended e
    where p.prompt_job_id = e.id and p.status = 'waiting_prompt'
    returning p.job_id, p.user_id, p.status, p.error_code, p.number
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select m.job_id, m.user_id,
      case m.status when 'queued' then 'picture_released' else 'picture_failed' end,
      jsonb_strip_nulls(jsonb_build_object('code', m.error_code, 'number', m.number))
    from moved m
  )
  select array_agg(distinct m.job_id) into v_jobs from moved m;
  if v_jobs is not null then
    perform public.project_picture_jobs(v_jobs);
    notify prompt_queue;
  end if;
end
$$;
-- <<< release_picture_jobs

-- >>> release_waiting_pictures
-- A prompt job that leaves the queue, in whatever way, takes the pictures with it that wait for it.
create or replace function public.release_waiting_pictures()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_waited_for uuid[];
begin
  select array_agg(distinct p.prompt_job_id) into v_waited_for
  from gone g
  join public.picture_jobs p on p.prompt_job_id = g.job_id and p.status = 'waiting_prompt';
  if v_waited_for is not null then
    perform public.release_picture_jobs(v_waited_for);
  end if;
  return null;
end
$$;
-- <<< release_waiting_pictures

-- >>> reopen_picture_jobs
-- Pictures that failed with this prompt, and for no other reason, wait for it again.
create or replace function public.reopen_picture_jobs(p_prompt_job_id uuid)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_jobs uuid[];
begin
  with reopened as (
    update public.picture_jobs p
    set status = 'waiting_prompt', error = null, error_code = null, failed_with_prompt = false,
      completed_at = null, updated_at = clock_timestamp()
    where p.prompt_job_id = p_prompt_job_id and p.status = 'failed' and p.failed_with_prompt
    returning p.job_id
  )
  select array_agg(distinct r.job_id) into v_jobs from reopened r;
  if v_jobs is not null then
    perform public.project_picture_jobs(v_jobs);
  end if;
end
$$;
-- <<< reopen_picture_jobs

-- >>> resolve_picture_call
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
-- <<< resolve_picture_call

-- >>> retry_picture_job
-- An explicit, audited act: the failed pictures of a job are made anew, with all their retries; one
-- whose prompt failed waits for that, which is reopened. outcome: retried, not_failed or not_found.
create or replace function public.retry_picture_job(
  p_job_id uuid, p_user_id uuid default null, p_actor text default 'operator'
)
returns text
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.retry'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user uuid;
  v_prompt_job uuid;
  v_again int;
begin
  select p.user_id, p.prompt_job_id into v_user, v_prompt_job
  from public.picture_jobs p
  where p.job_id = p_job_id and (p_user_id is null or p.user_id = p_user_id)
  limit 1;
  if not found then
    return 'not_found';
  end if;
  if exists (
    select from public.picture_jobs p
    where p.job_id = p_job_id and p.status = 'failed' and p.failed_with_prompt
  ) then
    perform public.retry_prompt_job(v_prompt_job, null, p_actor);
    perform public.reopen_picture_jobs(v_prompt_job);
    -- Somebody may have brought its prompt already.
    perform public.release_picture_jobs(array[v_prompt_job]);
    v_again := 1;
  else
    update public.picture_jobs p
    set status = 'queued', prediction_id = null, provider_outputs = null, retry_count = 0,
      resubmits = 0, lease_losses = 0, error = null, error_code = null, completed_at = null,
      due_at = v_now, retried_at = v_now, updated_at = v_now
    where p.job_id = p_job_id and p.status = 'failed';
    get diagnostics v_again = row_count;
  end if;
  if v_again = 0 then
    return 'not_failed';
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_user, 'picture_retried', jsonb_build_object('actor', p_actor));
  perform public.project_picture_jobs(array[p_job_id]);
  notify prompt_queue;
  return 'retried';
end
$$;
-- <<< retry_picture_job

-- >>> retry_prompt_job
-- An explicit, audited act: reopens a failed job with all its retries, and dependents that failed
-- with it wait again. outcome: retried, not_failed or not_found.
create or replace function public.retry_prompt_job(
  p_job_id uuid,
  p_user_id uuid default null,
  p_actor text default 'operator'
)
returns table (outcome text, status text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.retry'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
begin
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id)
  for update;
  if not found then
    return query select 'not_found', null::text;
    return;
  end if;
  if v_job.status <> 'failed' then
    return query select 'not_failed', v_job.status;
    return;
  end if;
  update public.prompt_generation_jobs j
  set status = 'queued', retry_count = 0, error = null, error_code = null, started_at = null,
    completed_at = null, updated_at = v_now, retried_at = v_now
  where j.id = p_job_id;
  insert into public.prompt_queue_tally (at, status, jobs) values ('-infinity', 'failed', -1);
  insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
  values (
    p_job_id, v_job.user_id, v_job.priority, public.prompt_claim_key(v_job.user_id, v_job.priority)
  );
  update public.jobs d
  set prompt_status = 'generating'
  where d.prompt_job_id = p_job_id and d.prompt_status = 'failed';
  perform public.reopen_picture_jobs(p_job_id);
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_job.user_id, 'retried', jsonb_build_object('actor', p_actor));
  notify prompt_queue;
  return query select 'retried', 'queued';
end
$$;
-- <<< retry_prompt_job

-- >>> settle_picture_jobs
-- Carries out what became of leased pictures. p_outcomes is an array of {picture_id, lease_token,
-- outcome, delay_seconds, error, error_code, prediction_id, provider_outputs, outputs, nsfw}.
-- prediction_id is what the worker knows the picture by. outcome: submitted (bought), unknown (sent,
-- no answer seen), waiting and running (the provider has not begun, or is at it), made (done there:
-- provider_outputs are to be saved), succeeded (outputs are ours), failed, retry (burns one; failed
-- without any left), postponed, again (back to be bought: what was sent is lost, or, which burns a
-- retry, failed there), released, withdrawn (a cancelled one was told to the provider). The token
-- must be the current one; only what is bought or saved is also taken from a worker that lost its
-- lease, while the picture is open and not bought otherwise. A prediction belongs to one picture.
-- Returns what was applied, and the status now.
create or replace function public.settle_picture_jobs(p_outcomes jsonb)
returns table (picture_id uuid, applied boolean, status text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_one record;
  v_is public.picture_jobs;
  v_act text;
  v_to text;
  v_fits boolean;
  v_final boolean;
  v_jobs uuid[] := '{}';
begin
  for v_one in
    select o.* from jsonb_to_recordset(p_outcomes) as o (
      picture_id uuid, lease_token uuid, outcome text, delay_seconds double precision, error text,
      error_code text, prediction_id text, provider_outputs text[], outputs jsonb, nsfw boolean
    )
    order by o.picture_id
  loop
    select p.* into v_is from public.picture_jobs p where p.id = v_one.picture_id for update;
    if not found then
      return query select v_one.picture_id, false, null::text;
      continue;
    end if;
    v_act := case
      -- A webhook has told meanwhile what the worker does not know yet: that it is bought.
      when v_is.hinted_at is not null and v_is.prediction_id is distinct from v_one.prediction_id
        and v_is.lease_token = v_one.lease_token
        and v_one.outcome in ('unknown', 'again', 'failed', 'retry', 'postponed', 'released')
        then 'submitted'
      when v_one.outcome = 'submitted' and exists (
        select from public.picture_jobs o
        where o.prediction_id = v_one.prediction_id and o.id <> v_is.id
      ) then 'unknown'
      -- Stopped in the middle of a submit, by whatever: it may be bought.
      when v_is.status = 'submitting' and v_one.outcome in ('released', 'postponed', 'retry', 'failed')
        and exists (
          select from public.provider_calls c
          where c.job_id = v_is.id and c.leg = 'picture' and c.lease_token = v_one.lease_token
            and (c.state <> 'answered' or c.error_code is null)
        ) then 'unknown'
      when (v_one.outcome = 'retry' or v_one.outcome = 'again' and v_is.prediction_id is not null)
        and v_is.retry_count >= v_is.max_retries then 'failed'
      else v_one.outcome
    end;
    v_fits := v_is.lease_token = v_one.lease_token and (
        v_is.status not in ('succeeded', 'failed', 'cancelled')
        or v_is.status = 'cancelled' and v_act in ('withdrawn', 'postponed', 'released')
      )
      or v_act = 'submitted' and v_is.prediction_id is null
        and v_is.status in ('queued', 'submitting', 'submission_unknown')
      or v_act = 'succeeded' and v_is.status = 'saving';
    if v_fits is not true then
      if v_act = 'submitted' and v_is.prediction_id <> v_one.prediction_id then
        -- Two were bought: nobody waits for this one, and somebody should know.
        insert into public.prompt_job_events (job_id, user_id, kind, data)
        values (v_is.job_id, v_is.user_id, 'picture_bought_twice', jsonb_build_object(
          'number', v_is.number, 'predictionId', v_one.prediction_id));
      end if;
      return query select v_one.picture_id, false, v_is.status;
      continue;
    end if;
    v_final := v_act in ('succeeded', 'failed');
    v_to := case v_act
      when 'submitted' then 'submitted'
      when 'unknown' then 'submission_unknown'
      when 'waiting' then 'submitted'
      when 'running' then 'running'
      when 'made' then 'saving'
      when 'again' then 'queued'
      when 'succeeded' then 'succeeded'
      when 'failed' then 'failed'
      else case v_is.status when 'submitting' then 'queued' else v_is.status end
    end;
    update public.picture_jobs p
    set status = v_to,
      prediction_id = case when v_act in ('again', 'unknown') then null
        when p.hinted_at is not null then p.prediction_id
        else coalesce(v_one.prediction_id, p.prediction_id) end,
      provider_outputs = coalesce(v_one.provider_outputs, p.provider_outputs),
      outputs = coalesce(v_one.outputs, p.outputs),
      nsfw = coalesce(v_one.nsfw, p.nsfw),
      error = case when v_act in ('succeeded', 'submitted', 'made') then null
        else coalesce(v_one.error, p.error) end,
      error_code = case when v_act in ('succeeded', 'submitted', 'made') then null
        else coalesce(v_one.error_code, p.error_code) end,
      retry_count = p.retry_count
        + (v_act = 'retry' or v_act = 'again' and p.prediction_id is not null)::int,
      resubmits = p.resubmits + (v_act = 'again' and p.prediction_id is null)::int,
      lease_token = null, lease_until = null, attempt_until = null, worker = null,
      submitted_at = case when v_act = 'submitted' then v_now else p.submitted_at end,
      completed_at = case when v_final then v_now else p.completed_at end,
      due_at = case
        when v_final or v_act = 'withdrawn' then null
        -- News came while it was looked at.
        when p.hinted_at is not null and v_to in ('submission_unknown', 'submitted', 'running')
          then v_now
        else v_now + make_interval(secs => greatest(coalesce(v_one.delay_seconds, 0), 0))
      end,
      hinted_at = null, updated_at = v_now
    where p.id = v_is.id;
    if v_act not in ('waiting', 'released') and (v_act <> 'running' or v_is.status <> 'running') then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values (v_is.job_id, v_is.user_id,
        case v_act when 'unknown' then 'picture_submission_unknown'
          when 'again' then 'picture_resubmitted' else 'picture_' || v_act end,
        jsonb_strip_nulls(jsonb_build_object(
          'number', v_is.number, 'code', v_one.error_code, 'predictionId', v_one.prediction_id,
          'delaySeconds', nullif(v_one.delay_seconds, 0),
          'lease', left(v_one.lease_token::text, 8)
        )));
    end if;
    if v_act = 'submitted' and v_is.prediction_id <> v_one.prediction_id then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values (v_is.job_id, v_is.user_id, 'picture_bought_twice', jsonb_build_object(
        'number', v_is.number, 'predictionId', v_one.prediction_id));
    end if;
    v_jobs := v_jobs || v_is.job_id;
    return query select v_one.picture_id, true, v_to;
  end loop;
  perform public.project_picture_jobs(v_jobs);
end
$$;
-- <<< settle_picture_jobs

-- >>> settle_prompt_gates
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
-- <<< settle_prompt_gates

-- >>> supply_prompt
-- A prompt written by hand ends a job that waits, runs or has failed, and its dependents go on; a
-- worker that is at it finds its lease gone. A prompt that came first stays: with p_successor a new
-- job of the same row, completed at once, carries the one by hand. The same prompt again is the
-- same act. outcome: supplied, successor, already_supplied, already_completed, cancelled or
-- not_found; job_id is the job that has the prompt now.
create or replace function public.supply_prompt(
  p_job_id uuid,
  p_prompt text,
  p_user_id uuid default null,
  p_actor text default 'operator',
  p_successor boolean default false
)
returns table (outcome text, job_id uuid)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.manual'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
  v_successor uuid := md5(p_job_id::text || ' ' || p_prompt)::uuid;
begin
  if coalesce(trim(p_prompt), '') = '' then
    raise exception 'a prompt has at least one word' using errcode = 'invalid_parameter_value';
  end if;
  -- The queue row is the lock that settle, reap and cancel all take first.
  perform 1 from public.prompt_job_queue q where q.job_id = p_job_id for update;
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id)
  for update;
  if not found then
    return query select 'not_found', null::uuid;
  elsif v_job.status = 'cancelled' then
    return query select 'cancelled', p_job_id;
  elsif v_job.status = 'completed' and (v_job.source, v_job.generated_prompt) = ('manual', p_prompt) then
    return query select 'already_supplied', p_job_id;
  elsif v_job.status = 'completed' and not p_successor then
    return query select 'already_completed', p_job_id;
  elsif v_job.status = 'completed' then
    insert into public.prompt_generation_jobs (
      id, row_id, model_id, user_id, ref_urls, target_url, priority, max_retries, status,
      generated_prompt, source, completed_at
    )
    values (
      v_successor, v_job.row_id, v_job.model_id, v_job.user_id, v_job.ref_urls, v_job.target_url,
      v_job.priority, v_job.max_retries, 'completed', p_prompt, 'manual', v_now
    )
    on conflict (id) do nothing;
    if found then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values
        (p_job_id, v_job.user_id, 'superseded',
          jsonb_build_object('actor', p_actor, 'successor', v_successor)),
        (v_successor, v_job.user_id, 'completed',
          jsonb_build_object('source', 'manual', 'actor', p_actor, 'predecessor', p_job_id));
    end if;
    return query select 'successor', v_successor;
  else
    delete from public.prompt_job_queue q where q.job_id = p_job_id;
    update public.prompt_generation_jobs j
    set status = 'completed', generated_prompt = p_prompt, source = 'manual', model = null,
      strategy = null, degraded = null, error = null, error_code = null, completed_at = v_now, updated_at = v_now
    where j.id = p_job_id;
    insert into public.prompt_queue_tally (at, status, jobs) values (v_now, 'completed', 1);
    if v_job.status = 'failed' then
      insert into public.prompt_queue_tally (at, status, jobs) values ('-infinity', 'failed', -1);
    end if;
    update public.jobs d set prompt_status = 'completed' where d.prompt_job_id = p_job_id;
    perform public.reopen_picture_jobs(p_job_id);
    perform public.release_picture_jobs(array[p_job_id]);
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_job.user_id, 'completed', jsonb_build_object(
      'source', 'manual', 'actor', p_actor, 'before', v_job.status
    ));
    return query select 'supplied', p_job_id;
  end if;
end
$$;
-- <<< supply_prompt
