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
