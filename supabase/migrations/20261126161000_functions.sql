-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> note_prompt_promise
-- Writes down what a client is told about a job, in the transaction that tells it. p_promise has
-- start_base, start_spread, start_p50, start_p90 and the same of done, in seconds from now.
create or replace function public.note_prompt_promise(
  p_job_id uuid, p_leg text, p_priority int, p_promise jsonb
)
returns void
language sql
set search_path = ''
as $$
  insert into public.prompt_promises (
    job_id, made_at, leg, priority, start_base, start_spread, start_p50, start_p90, done_base,
    done_spread, done_p50, done_p90, start_due_at, done_due_at
  )
  select p_job_id, t.now, p_leg, p_priority, p.start_base, p.start_spread, p.start_p50, p.start_p90,
    p.done_base, p.done_spread, p.done_p50, p.done_p90, t.now + make_interval(secs => p.start_p90),
    t.now + make_interval(secs => p.done_p90)
  from jsonb_to_record(p_promise) as p (
    start_base float8, start_spread float8, start_p50 float8, start_p90 float8,
    done_base float8, done_spread float8, done_p50 float8, done_p90 float8
  )
  cross join (values (clock_timestamp())) as t (now)
  on conflict (job_id, made_at) do nothing
$$;
-- <<< note_prompt_promise

-- >>> prompt_pace
-- How long prompts take, in seconds: slot is what one costs of a slot on average by the last 200
-- calls of half an hour, those under way with what they have taken so far; median and p90 lie
-- between start and end of jobs that completed within the last 500 events. Null where nothing was measured.
create or replace function public.prompt_pace()
returns table (slot double precision, median double precision, p90 double precision)
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
as $$
begin
  return query
  with calls as (
    select extract(
        epoch from coalesce(c.ended_at, clock_timestamp()) - coalesce(c.send_at, c.started_at)
      ) as seconds,
      c.ended_at is not null and c.error_code is null as good
    from (
      select * from public.provider_calls l order by l.started_at desc limit 200
    ) c
    left join lateral (
      select true as held from public.prompt_job_queue q
      where q.job_id = c.job_id and q.lease_token = c.lease_token
      limit 1
    ) h on true
    where c.leg = 'prompt' and c.started_at > clock_timestamp() - interval '30 minutes'
      and (c.ended_at is not null or h.held)
  ),
  jobs as (
    select extract(epoch from j.completed_at - j.started_at) as seconds
    from (
      select e.job_id, e.kind from public.prompt_job_events e order by e.id desc limit 500
    ) e
    join public.prompt_generation_jobs j on j.id = e.job_id
    where e.kind = 'completed'
  )
  select (select sum(greatest(c.seconds, 0)) / nullif(count(*) filter (where c.good), 0) from calls c)
      ::float8 as slot,
    percentile_cont(0.5) within group (order by j.seconds)::float8 as median,
    percentile_cont(0.9) within group (order by j.seconds)::float8 as p90
  from jobs j
  where j.seconds is not null;
end
$$;
-- <<< prompt_pace

-- >>> prompt_promise_coverage
-- Of the promises that were put to the test within p_hours: how many held their p90. kind is start
-- or done for prompts, picture for the end of a whole job of pictures; coverage is 0 to 1.
create or replace function public.prompt_promise_coverage(p_hours int default 24)
returns table (kind text, kept bigint, scored bigint, coverage numeric)
language sql
stable
set search_path = ''
as $$
  with tested as (
    select 'start' as kind, p.start_kept as kept
    from public.prompt_promises p
    where p.leg = 'prompt' and p.start_scored_at > clock_timestamp() - make_interval(hours => p_hours)
    union all
    select case p.leg when 'prompt' then 'done' else 'picture' end, p.done_kept
    from public.prompt_promises p
    where p.leg in ('prompt', 'picture')
      and p.done_scored_at > clock_timestamp() - make_interval(hours => p_hours)
  )
  select t.kind, count(*) filter (where t.kept), count(*),
    round(count(*) filter (where t.kept)::numeric / count(*), 4)
  from tested t
  group by t.kind
  order by t.kind
$$;
-- <<< prompt_promise_coverage

-- >>> prompt_promise_facts
-- When the work of a promise began and ended; is_void where the job was cancelled or is gone.
create or replace function public.prompt_promise_facts(p_job_id uuid, p_leg text)
returns table (started_at timestamptz, ended_at timestamptz, is_void boolean)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  if p_leg = 'prompt' then
    return query
    select least(j.started_at, e.at), e.at, j.status = 'cancelled'
    from public.prompt_generation_jobs j
    cross join lateral (
      select case when j.status in ('completed', 'failed') then j.completed_at end
    ) e (at)
    where j.id = p_job_id;
  else
    return query
    select least(f.started_at, f.ended_at), f.ended_at, f.status = 'cancelled'
    from (
      select min(p.submitted_at) as started_at,
        case when bool_and(p.status in ('succeeded', 'failed', 'cancelled'))
          then max(p.completed_at) end as ended_at,
        public.picture_job_status(array_agg(p.status)) as status
      from public.picture_jobs p
      where p.job_id = p_job_id
      having count(*) > 0
    ) f;
  end if;
  if not found then
    return query select null::timestamptz, null::timestamptz, true;
  end if;
end
$$;
-- <<< prompt_promise_facts

-- >>> prune_prompt_promises
-- Deletes promises that are older than p_days, at most p_batch. Returns how many.
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
  return v_deleted;
end
$$;
-- <<< prune_prompt_promises

-- >>> score_prompt_promises
-- Compares promises with what came of them: those about jobs that have just ended, and those whose
-- time is over. Half a promise is closed once its event is known or overdue; it is void where the
-- job was cancelled. Returns how many promises were touched; one caller at a time does anything.
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
    select p.job_id, p.made_at, f.is_void, f.started_at, f.ended_at,
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
    returning 1
  )
  select (select max(r.id) from read r), (select count(*) from scored) into v_last, v_scored;
  update public.prompt_queue_settings s
  set promises_scored_event = v_last
  where s.only_row and s.promises_scored_event is distinct from v_last and v_last is not null;
  return v_scored;
end
$$;
-- <<< score_prompt_promises
