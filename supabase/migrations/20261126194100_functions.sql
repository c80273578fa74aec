-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> create_picture_job
-- Creates a row of jobs and what is ours of it, in the caller's own transaction. p_request has
-- use_ai_prompt, prompt, prompt_job_id (a completed prompt of the same user, taken over or, with prompt,
-- edited), target_url, ref_urls, generation_model, width, height, count (1 to 8), priority,
-- max_retries, webhook_url, webhook_events, metadata, trace_context (a W3C traceparent, for the prompt
-- as well), and prompt_options as enqueue_prompt_job() takes them; pictures and prompt that it does
-- not have come from the row of model_rows. With use_ai_prompt
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
  v_written text;
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
        || jsonb_strip_nulls(jsonb_build_object('trace_context', p_request -> 'trace_context'))
    );
  else
    if p_request ->> 'prompt_job_id' is not null then
      select j.id, j.generated_prompt into v_prompt_job, v_written
      from public.prompt_generation_jobs j
      where j.id = (p_request ->> 'prompt_job_id')::uuid and j.user_id = v_owner.user_id
        and j.status = 'completed'
      for share;
      if not found then
        raise exception 'there is no such prompt' using errcode = 'check_violation',
          hint = 'promptJobId is the id of a completed prompt job of yours';
      end if;
    end if;
    v_prompt := coalesce(
      nullif(trim(p_request ->> 'prompt'), ''), v_written, nullif(trim(v_row ->> 'prompt'), '')
    );
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
    generation_model, width, height, priority, max_retries, webhook_url, metadata, trace_context,
    due_at
  )
  select gen_random_uuid(), v_job, n, v_owner.user_id, p_row_id, v_prompt_job,
    case when v_with_ai then 'waiting_prompt' else 'queued' end, v_prompt, v_target, v_refs,
    p_request ->> 'generation_model', (p_request ->> 'width')::int, (p_request ->> 'height')::int,
    v_priority, v_retries, p_request ->> 'webhook_url', p_request -> 'metadata',
    p_request ->> 'trace_context',
    case when v_with_ai then null else clock_timestamp() end
  from generate_series(1, v_count) n;
  if p_request ->> 'webhook_url' is not null then
    perform public.want_webhook(
      n.id, v_owner.user_id, p_request ->> 'webhook_url',
      array(select jsonb_array_elements_text(coalesce(p_request -> 'webhook_events', '[]'))), v_job
    )
    from unnest(array_remove(array[v_job, case when v_with_ai then v_prompt_job end], null)) as n (id);
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (v_job, v_owner.user_id, 'picture_created', jsonb_strip_nulls(jsonb_build_object(
    'promptJobId', v_prompt_job, 'generationModel', p_request ->> 'generation_model',
    'count', v_count, 'edited', nullif(v_prompt is distinct from v_written and not v_with_ai
      and v_prompt_job is not null, false)
  )));
  perform public.project_picture_jobs(array[v_job]);
  notify prompt_queue;
  return query select v_job, v_prompt_job;
end
$$;
-- <<< create_picture_job

-- >>> note_prompt_feedback
-- What its user thinks of a finished prompt (p_number 0) or of a finished picture of a job (its
-- number). There is one verdict of each; a new one takes its place, and p_verdict null withdraws it.
-- The event says every change, never the words. outcome: noted, unchanged, nothing_yet where nothing
-- is finished, or not_found, also where the job is somebody else's.
create or replace function public.note_prompt_feedback(
  p_job_id uuid,
  p_number int,
  p_user_id uuid,
  p_verdict text,
  p_reason text default null,
  p_words text default null
)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_there boolean;
begin
  if p_number = 0 then
    select j.status = 'completed' into v_there
    from public.prompt_generation_jobs j
    where j.id = p_job_id and j.user_id = p_user_id
    for share;
  else
    select p.status = 'succeeded' into v_there
    from public.picture_jobs p
    where p.job_id = p_job_id and p.number = p_number and p.user_id = p_user_id
    for share;
  end if;
  if v_there is null then
    return 'not_found';
  elsif p_verdict is null then
    delete from public.prompt_feedback f
    where f.job_id = p_job_id and f.number = p_number and f.user_id = p_user_id;
  elsif not v_there then
    return 'nothing_yet';
  else
    insert into public.prompt_feedback as f (job_id, number, user_id, verdict, reason, words)
    values (p_job_id, p_number, p_user_id, p_verdict, p_reason, p_words)
    on conflict (job_id, number, user_id) do update
    set verdict = excluded.verdict, reason = excluded.reason, words = excluded.words,
      updated_at = clock_timestamp()
    where (f.verdict, f.reason, f.words)
      is distinct from (excluded.verdict, excluded.reason, excluded.words);
  end if;
  if not found then
    return 'unchanged';
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (
    p_job_id, p_user_id, case when p_number = 0 then 'feedback' else 'picture_feedback' end,
    jsonb_strip_nulls(jsonb_build_object(
      'verdict', coalesce(p_verdict, 'withdrawn'), 'reason', p_reason,
      'number', nullif(p_number, 0)
    ))
  );
  return 'noted';
end
$$;
-- <<< note_prompt_feedback

-- >>> prompt_jobs_deleted
-- A job that is deleted, also by a cascade from its row, model or user, leaves the queue with it,
-- takes what was thought of it along, and is counted no longer.
create or replace function public.prompt_jobs_deleted()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_job_queue q using deleted d where q.job_id = d.id;
  delete from public.prompt_feedback f using deleted d where f.job_id = d.id;
  insert into public.prompt_queue_tally (at, status, jobs)
  select '-infinity', d.status, -count(*)
  from deleted d
  where d.status in ('completed', 'failed', 'cancelled')
  group by d.status;
  return null;
end
$$;
-- <<< prompt_jobs_deleted

-- >>> sum_up_prompt_queue
-- Adds to prompt_queue_totals what has happened since the last time: at most 20,000 events and
-- 20,000 calls. Event numbers commit out of order, so events count once every transaction that may
-- still bring a smaller number is over; such a one has changed a row before it writes an event, so
-- it has a transaction id by then. Calls count in the order in which they began, a minute later at
-- the earliest; one without an answer is waited for, and after a quarter of an hour counts as
-- unanswered. The same goes into prompt_queue_minutes, by the minute, and prompt_queue_spend, by the
-- day. Returns false where somebody else is at it.
create or replace function public.sum_up_prompt_queue()
returns boolean
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.sum_up'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_read public.prompt_queue_totals_read;
  v_running xid8;
  v_next xid8;
  v_newest bigint;
  v_final bigint;
  v_calls timestamptz;
begin
  select pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now),
    coalesce((select max(e.id) from public.prompt_job_events e), 0)
  into v_running, v_next, v_newest
  from pg_current_snapshot() as s (now);
  select r.* into v_read from public.prompt_queue_totals_read r
  where r.only_row
  for update skip locked;
  if not found then
    return false;
  end if;
  v_final := case
    when v_running = v_next then v_newest
    when v_read.seen_before <= v_running then v_read.seen_id
    else v_read.event_id
  end;
  v_final := least(greatest(v_final, v_read.event_id), v_read.event_id + 20000);
  with next as materialized (
    select c.started_at, c.state from public.provider_calls c
    where c.started_at > v_read.calls_until and c.started_at < v_now - interval '1 minute'
    order by c.started_at
    limit 20000
  ),
  open as (
    select min(n.started_at) as at from next n
    where n.state = 'sent' and n.started_at > v_now - interval '15 minutes'
  )
  select max(n.started_at) into v_calls
  from next n cross join open o
  where o.at is null or n.started_at < o.at;
  with events as materialized (
    select e.job_id, e.kind, e.data, date_trunc('minute', e.created_at) as minute
    from public.prompt_job_events e
    where e.id > v_read.event_id and e.id <= v_final
  ),
  times as materialized (
    select e.minute, t.name, extract(epoch from t.taken)::float8 as seconds
    from events e
    join public.prompt_generation_jobs j on j.id = e.job_id
    cross join lateral (values
      ('wait', j.started_at - j.created_at), ('processing', j.completed_at - j.started_at)
    ) t (name, taken)
    where e.kind = 'completed' and t.taken is not null
  ),
  calls as materialized (
    select c.leg, c.provider, c.model, c.state, c.started_at, c.prompt_tokens,
      c.completion_tokens, c.reasoning_tokens, c.cost_usd,
      case c.state when 'answered' then coalesce(c.error_code, 'ok') else 'unanswered' end
        as outcome
    from public.provider_calls c
    where c.started_at > v_read.calls_until and c.started_at <= v_calls
  ),
  found (name, labels, value) as (
    select 'events', array[e.kind], count(*)::float8 from events e group by e.kind
    union all
    select 'completed', array[coalesce(e.data ->> 'source', 'model')], count(*)
    from events e where e.kind = 'completed' group by 2
    union all
    select 'failed', array[coalesce(e.data ->> 'code', 'failed')], count(*)
    from events e where e.kind = 'failed' group by 2
    union all
    select 'feedback',
      array[case e.kind when 'feedback' then 'prompt' else 'picture' end, e.data ->> 'verdict'],
      count(*)
    from events e where e.kind in ('feedback', 'picture_feedback') group by 2
    union all
    select t.name || '_bucket', array[coalesce((
        select min(b.bound) from unnest(array[0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600])
          as b (bound)
        where t.seconds <= b.bound
      )::float8::text, '+Inf')], count(*)
    from times t group by 1, 2
    union all
    select t.name || '_sum', array[]::text [], sum(greatest(t.seconds, 0)) from times t group by 1
    union all
    select 'calls', array[c.leg, c.model, c.outcome], count(*) from calls c group by 2
    union all
    select 'usd', array[c.leg, c.model], coalesce(sum(c.cost_usd), 0) from calls c group by 2
    union all
    select 'tokens', array[c.leg, c.model, 'input'], coalesce(sum(c.prompt_tokens), 0)
    from calls c group by 2
    union all
    select 'tokens', array[c.leg, c.model, 'output'],
      coalesce(sum(coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)), 0)
    from calls c group by 2
  ),
  by_minute (minute, name, label, value) as (
    select e.minute, e.kind,
      case e.kind when 'completed' then coalesce(e.data ->> 'source', 'model')
        when 'failed' then coalesce(e.data ->> 'code', 'failed')
        when 'picture_failed' then coalesce(e.data ->> 'code', 'failed') else '' end,
      -- One event may be about several pictures.
      sum(case e.kind when 'picture_created' then coalesce((e.data ->> 'count')::int, 1)
        when 'picture_cancelled' then coalesce((e.data ->> 'pictures')::int, 1) else 1 end)
    from events e
    where e.kind in ('queued', 'completed', 'failed', 'cancelled', 'picture_created',
        'picture_succeeded', 'picture_failed', 'picture_cancelled')
      and e.minute > clock_timestamp() - interval '2 days'
    group by 1, 2, 3
    union all
    select t.minute, t.name, ceil(8 * log(2, greatest(t.seconds, 0.01)::numeric))::int::text, count(*)
    from times t
    where t.minute > clock_timestamp() - interval '2 days'
    group by 1, 2, 3
  ),
  counted_by_minute as (
    insert into public.prompt_queue_minutes as m (minute, name, label, value)
    select b.minute, b.name, b.label, b.value from by_minute b
    on conflict (minute, name, label) do update set value = m.value + excluded.value
  ),
  spent as (
    insert into public.prompt_queue_spend as s
    select (c.started_at at time zone 'UTC')::date, c.leg, c.provider, c.model, count(*),
      count(*) filter (where c.state <> 'answered'), coalesce(sum(c.cost_usd), 0),
      coalesce(sum(c.prompt_tokens), 0),
      coalesce(sum(coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)), 0)
    from calls c
    group by 1, 2, 3, 4
    on conflict (day, leg, provider, model) do update
    set calls = s.calls + excluded.calls, unresolved = s.unresolved + excluded.unresolved,
      usd = s.usd + excluded.usd, input_tokens = s.input_tokens + excluded.input_tokens,
      output_tokens = s.output_tokens + excluded.output_tokens
  )
  insert into public.prompt_queue_totals as o (name, labels, value)
  select f.name, f.labels, f.value from found f
  on conflict (name, labels) do update set value = o.value + excluded.value;
  update public.prompt_queue_totals_read r
  set event_id = v_final,
    seen_id = case when v_final >= r.seen_id then v_newest else r.seen_id end,
    seen_before = case when v_final >= r.seen_id then v_next else r.seen_before end,
    calls_until = coalesce(v_calls, r.calls_until)
  where r.only_row;
  delete from public.prompt_queue_minutes m
  where m.minute < clock_timestamp() - interval '2 days 1 hour';
  return true;
end
$$;
-- <<< sum_up_prompt_queue
