-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> compact_webhook_tally
-- Puts the lines of webhook_tally together, one an outcome. Returns how many lines were read; whoever
-- reads or writes at the same time sees the sums unchanged.
create or replace function public.compact_webhook_tally()
returns bigint
language sql
set search_path = ''
as $$
  with taken as (
    delete from public.webhook_tally returning outcome, messages
  ),
  summed as (
    insert into public.webhook_tally (outcome, messages)
    select t.outcome, sum(t.messages) from taken t group by t.outcome
  )
  select count(*) from taken
$$;
-- <<< compact_webhook_tally

-- >>> prompt_promise_coverage
-- Of the promises that were put to the test within p_hours, give or take ten minutes: how many held
-- their p90. kind is start or done for prompts, picture for the end of a whole job of pictures;
-- coverage is 0 to 1.
create or replace function public.prompt_promise_coverage(p_hours int default 24)
returns table (kind text, kept bigint, scored bigint, coverage numeric)
language sql
stable
set search_path = ''
as $$
  select t.kind, sum(t.kept)::bigint, sum(t.scored)::bigint,
    round(sum(t.kept)::numeric / sum(t.scored), 4)
  from public.prompt_promise_tally t
  where t.at > clock_timestamp() - make_interval(hours => p_hours)
  group by t.kind
  having sum(t.scored) > 0
  order by t.kind
$$;
-- <<< prompt_promise_coverage

-- >>> prompt_queue_backlog
-- How much there is to do: prompts by state and priority, pictures by status, webhooks that are to be
-- sent. Counting reads them all, so a count that took 20 ms or more serves everybody, in whichever
-- process, until it is p_times as old as that, and twice as old while somebody makes the next one.
-- seconds is the age of the count.
create or replace function public.prompt_queue_backlog(p_times double precision default 300)
returns table (kind text, state text, priority smallint, jobs bigint, seconds double precision)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.backlog'
as $$
#variable_conflict use_column
declare
  v_is public.prompt_queue_counted;
  v_began timestamptz := clock_timestamp();
  v_kept boolean;
  v_age double precision;
  v_took double precision;
begin
  select c.* into v_is from public.prompt_queue_counted c;
  v_kept := found;
  v_age := extract(epoch from v_began - v_is.counted_at) / (v_is.took_seconds * p_times);
  if not v_kept or v_age > 2 or (
    v_age > 1 and pg_try_advisory_xact_lock(hashtextextended('prompt_queue.backlog', 0))
  ) then
    select jsonb_agg(b) into v_is.counts
    from (
      select 'prompt' as kind, q.state, q.priority, count(*) as jobs
      from public.prompt_job_queue q
      group by q.state, q.priority
      union all
      select 'picture', p.status, null, count(*)
      from public.picture_jobs p
      where p.status in ('submitting', 'submission_unknown', 'submitted', 'running')
      group by p.status
      union all
      select 'picture', 'queued', null, count(*) from public.picture_jobs p where p.status = 'queued'
      union all
      select 'webhook', 'pending', null, count(*)
      from public.webhook_messages m where m.state in ('waiting', 'sending')
    ) b;
    v_is.counted_at := clock_timestamp();
    v_took := extract(epoch from v_is.counted_at - v_began);
    if v_took >= 0.02 then
      insert into public.prompt_queue_counted as c (only_row, counted_at, took_seconds, counts)
      values (true, v_is.counted_at, v_took, v_is.counts)
      on conflict (only_row) do update
      set counted_at = excluded.counted_at, took_seconds = excluded.took_seconds,
        counts = excluded.counts;
    elsif v_kept then
      delete from public.prompt_queue_counted;
    end if;
  end if;
  return query
  select b.kind, b.state, b.priority, b.jobs,
    greatest(extract(epoch from clock_timestamp() - v_is.counted_at), 0)::double precision
  from jsonb_to_recordset(v_is.counts) as b (
    kind text, state text, priority smallint, jobs bigint
  );
end
$$;
-- <<< prompt_queue_backlog

-- >>> prompt_queue_counters
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
-- <<< prompt_queue_counters

-- >>> prompt_queue_rates
-- What can be said of the queue without counting it. Means are over the jobs that completed in the
-- last hour, or, without any, over all before, in seconds; slots is what all workers seen in the last
-- 30 seconds handle at once; oldest_queued_seconds is null where none waits.
create or replace function public.prompt_queue_rates()
returns table (
  avg_wait_time_seconds numeric, avg_processing_seconds numeric, oldest_queued_seconds numeric,
  workers bigint, slots bigint, completed_last_minute bigint, failed_last_hour bigint,
  completed_last_hour bigint, paused boolean
)
language sql
stable
set search_path = ''
as $$
  with hour as (
    select coalesce(sum(t.jobs) filter (
        where t.status = 'completed' and t.at > clock_timestamp() - interval '1 minute'
      ), 0)::bigint as completed_last_minute,
      coalesce(sum(t.jobs) filter (where t.status = 'completed'), 0)::bigint as completed,
      coalesce(sum(t.jobs) filter (where t.status = 'failed'), 0)::bigint as failed
    from public.prompt_queue_tally t
    where t.at > clock_timestamp() - interval '1 hour'
  ),
  means as (
    select t.at > clock_timestamp() - interval '1 hour' as recent,
      sum(t.wait_seconds) / sum(t.measured) as wait,
      sum(t.processing_seconds) / sum(t.measured) as processing
    from public.prompt_queue_tally t
    where t.status = 'completed'
    group by 1
    having sum(t.measured) > 0
    order by 1 desc
    limit 1
  ),
  alive as (
    select count(*) as workers, coalesce(sum(w.concurrency), 0) as slots
    from public.prompt_queue_workers w
    where w.seen_at > clock_timestamp() - interval '30 seconds'
  ),
  oldest as (
    select min(q.enqueued_at) as at from public.prompt_job_queue q where q.lease_token is null
  )
  select round(coalesce(means.wait, 0)::numeric, 3), round(means.processing::numeric, 3),
    round(greatest(extract(epoch from clock_timestamp() - oldest.at), 0), 3),
    alive.workers, alive.slots, hour.completed_last_minute, hour.failed, hour.completed,
    exists (select from public.prompt_queue_pauses p where p.model = '')
  from hour cross join alive cross join oldest
  left join means on true
$$;
-- <<< prompt_queue_rates

-- >>> prune_prompt_promises
-- Deletes promises that are older than p_days, at most p_batch, and what was counted before then.
-- Returns how many promises.
create or replace function public.prune_prompt_promises(p_days double precision, p_batch int)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_deleted bigint;
begin
  with old as (
    select p.job_id, p.made_at from public.prompt_promises p
    where p.made_at < clock_timestamp() - make_interval(secs => p_days * 86400)
    order by p.made_at
    limit p_batch
    for update skip locked
  )
  delete from public.prompt_promises p
  using old o
  where p.job_id = o.job_id and p.made_at = o.made_at;
  get diagnostics v_deleted = row_count;
  delete from public.prompt_promise_tally t
  where t.at < clock_timestamp() - make_interval(secs => greatest(p_days, 1) * 86400);
  return v_deleted;
end
$$;
-- <<< prune_prompt_promises

-- >>> prune_webhooks
-- Deletes up to p_limit messages that ended more than p_days ago with their tries, requests for
-- webhooks of jobs that are gone, and puts the tally together. Returns how many messages.
create or replace function public.prune_webhooks(p_days double precision, p_limit int default 500)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_days * 86400);
  v_pruned bigint;
begin
  with old as materialized (
    select m.id from public.webhook_messages m
    where m.ended_at < v_before
    order by m.ended_at
    limit p_limit
    for update skip locked
  )
  delete from public.webhook_messages m using old o where m.id = o.id;
  get diagnostics v_pruned = row_count;
  delete from public.webhook_requests r
  where r.job_id in (
    select o.job_id from public.webhook_requests o
    where o.created_at < v_before
      and not exists (
        select from public.prompt_generation_jobs j
        where j.id = o.job_id
      ) and not exists (select from public.picture_jobs p where p.job_id = o.job_id)
    order by o.created_at
    limit p_limit
  );
  if (select count(*) from public.webhook_tally) > 100 then
    perform public.compact_webhook_tally();
  end if;
  return v_pruned;
end
$$;
-- <<< prune_webhooks

-- >>> score_prompt_promises
-- Compares promises with what came of them: those about jobs that have just ended, and those whose
-- time is over. Half a promise is closed once its event is known or overdue; it is void where the
-- job was cancelled. What was kept is counted in prompt_promise_tally, one line a kind and ten
-- minutes. Returns how many promises were touched; one caller at a time does anything.
create or replace function public.score_prompt_promises(p_limit int default 2000)
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
  v_from bigint;
  v_last bigint;
  v_scored int;
begin
  if not exists (select from public.prompt_promises p where p.done_due_at is not null)
    and not exists (select from public.prompt_promises p where p.start_due_at is not null)
    or not pg_try_advisory_xact_lock(hashtextextended('prompt_queue.promises', 0)) then
    return 0;
  end if;
  -- What committed late has a lower number than what was seen.
  select coalesce(
    s.promises_scored_event, (select max(e.id) from public.prompt_job_events e), 0
  ) - 1000
  into v_from
  from public.prompt_queue_settings s
  where s.only_row;
  with read as materialized (
    select e.id, e.job_id, e.kind from public.prompt_job_events e
    where e.id > v_from
    order by e.id
    limit 1000 + 4 * p_limit
  ),
  ended as materialized (
    select distinct r.job_id as id from read r
    where r.kind in (
      'completed', 'failed', 'cancelled', 'picture_succeeded', 'picture_failed', 'picture_cancelled'
    )
  ),
  chosen as materialized (
    select p.job_id, p.made_at
    from ended e
    join public.prompt_promises p on p.job_id = e.id
    where p.start_due_at is not null or p.done_due_at is not null
    union
    (
      select p.job_id, p.made_at from public.prompt_promises p
      where p.start_due_at <= v_now order by p.start_due_at limit p_limit
    )
    union
    (
      select p.job_id, p.made_at from public.prompt_promises p
      where p.done_due_at <= v_now order by p.done_due_at limit p_limit
    )
  ),
  judged as materialized (
    select p.job_id, p.made_at, p.leg, f.is_void, f.started_at, f.ended_at,
      p.start_scored_at is not null as start_known, p.done_scored_at is not null as done_known,
      p.start_kept as start_was, p.done_kept as done_was,
      f.started_at is not null or p.start_due_at <= v_now as start_closes,
      f.ended_at is not null or p.done_due_at <= v_now as done_closes,
      extract(epoch from coalesce(f.started_at, v_now) - p.made_at) as start_after,
      extract(epoch from coalesce(f.ended_at, v_now) - p.made_at) as done_after
    from chosen c
    join public.prompt_promises p on p.job_id = c.job_id and p.made_at = c.made_at
    cross join lateral public.prompt_promise_facts(p.job_id, p.leg) f
  ),
  scored as (
    update public.prompt_promises p
    set started_at = j.started_at, ended_at = j.ended_at,
      start_due_at = case when not (j.is_void or j.start_closes) then p.start_due_at end,
      done_due_at = case when not (j.is_void or j.done_closes) then p.done_due_at end,
      start_kept = case when j.start_closes and not j.is_void
        then j.started_at is not null and j.start_after <= p.start_p90 else p.start_kept end,
      done_kept = case when j.done_closes and not j.is_void
        then j.ended_at is not null and j.done_after <= p.done_p90 else p.done_kept end,
      start_error = case when j.start_closes and not j.is_void
        then (j.start_after - p.start_base) / p.start_spread else p.start_error end,
      done_error = case when j.done_closes and not j.is_void
        then (j.done_after - p.done_base) / p.done_spread else p.done_error end,
      start_scored_at = case when j.start_closes and not j.is_void
        then coalesce(p.start_scored_at, v_now) else p.start_scored_at end,
      done_scored_at = case when j.done_closes and not j.is_void
        then coalesce(p.done_scored_at, v_now) else p.done_scored_at end
    from judged j
    where p.job_id = j.job_id and p.made_at = j.made_at
    returning j.leg, j.start_known, j.done_known, j.start_was, j.done_was,
      p.start_scored_at, p.done_scored_at, p.start_kept, p.done_kept
  ),
  counted as (
    insert into public.prompt_promise_tally as t (at, kind, kept, scored)
    select date_bin('10 minutes', v_now, 'epoch'), c.kind,
      sum(c.kept::int - (c.known and c.was)::int), sum((not c.known)::int)
    from scored s
    cross join lateral (values
      (case s.leg when 'prompt' then 'start' end, s.start_known, s.start_was, s.start_scored_at,
        s.start_kept),
      (case s.leg when 'prompt' then 'done' else 'picture' end, s.done_known, s.done_was,
        s.done_scored_at, s.done_kept)
    ) c (kind, known, was, scored_at, kept)
    where c.kind is not null and c.scored_at is not null
    group by c.kind
    on conflict (at, kind) do update
    set kept = t.kept + excluded.kept, scored = t.scored + excluded.scored
  )
  select (select max(r.id) from read r), (select count(*) from scored) into v_last, v_scored;
  update public.prompt_queue_settings s
  set promises_scored_event = v_last
  where s.only_row and s.promises_scored_event is distinct from v_last and v_last is not null;
  return v_scored;
end
$$;
-- <<< score_prompt_promises

-- >>> settle_webhook_messages
-- Carries out what became of leased messages. p_outcomes is an array of {message_id, lease_token,
-- outcome, status, milliseconds, answer, error, delay_seconds, disable_after_days}. outcome: delivered;
-- retry (again after the delay); exhausted (given up); gone (the receiver is told nothing any more); released
-- (not tried). The token must be the current one. A retry makes later messages of its line wait as
-- long. An endpoint is disabled when it is gone, or when it has only failed for disable_after_days; what
-- waits for it then ends as disabled, as does what was claimed meanwhile (outcome disabled). Returns what was applied, the state now, and an endpoint that
-- this has disabled.
create or replace function public.settle_webhook_messages(p_outcomes jsonb)
returns table (message_id uuid, applied boolean, state text, disabled_endpoint uuid)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.settle'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_one record;
  v_is public.webhook_messages;
  v_to text;
  v_next timestamptz;
  v_disabled uuid;
begin
  -- Counting is cheap because now and then somebody tidies up.
  if random() < 0.005 then
    perform public.compact_webhook_tally();
  end if;
  for v_one in
    select o.* from jsonb_to_recordset(p_outcomes) as o (
      message_id uuid, lease_token uuid, outcome text, status int, milliseconds int, answer text,
      error text, delay_seconds double precision, disable_after_days double precision
    )
    order by o.message_id
  loop
    select m.* into v_is from public.webhook_messages m where m.id = v_one.message_id for update;
    if not found or v_is.state <> 'sending' or v_is.lease_token <> v_one.lease_token then
      return query select v_one.message_id, false, v_is.state, null::uuid;
      continue;
    end if;
    v_to := case v_one.outcome
      when 'retry' then 'waiting' when 'released' then 'waiting' when 'gone' then 'disabled'
      else v_one.outcome end;
    v_next := case v_one.outcome
      when 'retry' then v_now + make_interval(secs => greatest(v_one.delay_seconds, 0))
      when 'released' then v_now end;
    v_disabled := null;
    update public.webhook_messages m
    set state = v_to, due_at = coalesce(v_next, m.due_at),
      tries = m.tries + (v_one.outcome not in ('released', 'disabled'))::int,
      lease_token = null, lease_until = null, worker = null,
      ended_at = case when v_to <> 'waiting' then v_now end
    where m.id = v_is.id;
    if v_one.outcome not in ('released', 'disabled') then
      insert into public.webhook_tries (
        message_id, number, at, status, milliseconds, answer, error, next_at
      )
      values (
        v_is.id, v_is.tries + 1,
        v_now - make_interval(secs => coalesce(v_one.milliseconds, 0) / 1000.0), v_one.status,
        coalesce(v_one.milliseconds, 0), v_one.answer, v_one.error, v_next
      );
    end if;
    if v_one.outcome = 'retry' then
      update public.webhook_messages m
      set due_at = v_next
      where m.line = v_is.line and m.number > v_is.number and m.state = 'waiting'
        and m.due_at < v_next;
    elsif v_to <> 'waiting' then
      -- The next of its line has waited long enough.
      update public.webhook_messages m
      set due_at = v_now
      where m.line = v_is.line and m.number > v_is.number and m.state = 'waiting'
        and m.due_at > v_now and m.tries = 0;
      insert into public.webhook_tally (outcome, messages) values (v_to, 1);
    end if;
    if v_is.endpoint_id is not null and v_one.outcome = 'delivered' then
      update public.webhook_endpoints e
      set failing_since = null
      where e.id = v_is.endpoint_id and e.failing_since is not null;
    elsif v_is.endpoint_id is not null and v_one.outcome in ('retry', 'exhausted', 'gone') then
      update public.webhook_endpoints e
      set failing_since = v_now
      where e.id = v_is.endpoint_id and e.failing_since is null;
      update public.webhook_endpoints e
      set state = 'disabled', updated_at = v_now,
        disabled_reason = case v_one.outcome
          when 'gone' then 'It answered 410: nobody is there any more.'
          else format('It has answered nothing well since %s.',
            to_char(e.failing_since at time zone 'utc', 'YYYY-MM-DD HH24:MI"Z"')) end
      where e.id = v_is.endpoint_id and e.state = 'active' and (
        v_one.outcome = 'gone'
        or e.failing_since < v_now - make_interval(secs => v_one.disable_after_days * 86400)
      )
      returning e.id into v_disabled;
      if v_disabled is not null then
        with ended as (
          update public.webhook_messages m
          set state = 'disabled', ended_at = v_now
          where m.lane = v_disabled::text and m.state = 'waiting'
          returning m.id
        )
        insert into public.webhook_tally (outcome, messages)
        select 'disabled', count(*) from ended having count(*) > 0;
      end if;
    end if;
    return query select v_one.message_id, true,
      case when v_disabled is not null and v_to = 'waiting' then 'disabled' else v_to end, v_disabled;
  end loop;
end
$$;
-- <<< settle_webhook_messages
